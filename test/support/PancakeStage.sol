// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function initialize(uint160 sqrtPriceX96) external;
    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function burn(int24 tickLower, int24 tickUpper, uint128 amount) external returns (uint256, uint256);
    function collect(address recipient, int24 tickLower, int24 tickUpper, uint128 amount0, uint128 amount1)
        external
        returns (uint128, uint128);
    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
    function flash(address recipient, uint256 amount0, uint256 amount1, bytes calldata data) external;
}

/// Deploys a real PancakeSwap V3 pool from the bytecode it is given, and uses it for everybody, from its own tokens.
contract PancakeStage {
    struct Parameters {
        address factory;
        address token0;
        address token1;
        uint24 fee;
        int24 tickSpacing;
    }

    Parameters public parameters;
    IPool public pool;
    uint256 private owed0;
    uint256 private owed1;

    function deploy(bytes memory code, address token0, address token1, uint160 sqrtPriceX96) external {
        parameters = Parameters(address(this), token0, token1, 2500, 50);
        address made;
        assembly {
            made := create(0, add(code, 32), mload(code))
        }
        pool = IPool(made);
        pool.initialize(sqrtPriceX96);
    }

    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount) external {
        pool.mint(recipient, tickLower, tickUpper, amount, "");
    }

    function burn(int24 tickLower, int24 tickUpper, uint128 amount) external {
        pool.burn(tickLower, tickUpper, amount);
        pool.collect(address(this), tickLower, tickUpper, type(uint128).max, type(uint128).max);
    }

    function swap(bool zeroForOne, int256 amount, uint160 limit) external {
        pool.swap(address(this), zeroForOne, amount, limit, "");
    }

    function flash(uint256 amount0, uint256 amount1) external {
        (owed0, owed1) = (amount0, amount1);
        pool.flash(address(this), amount0, amount1, "");
    }

    function pancakeV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        pay(amount0, amount1);
    }

    function pancakeV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external {
        pay(amount0 > 0 ? uint256(amount0) : 0, amount1 > 0 ? uint256(amount1) : 0);
    }

    function pancakeV3FlashCallback(uint256 fee0, uint256 fee1, bytes calldata) external {
        pay(owed0 + fee0, owed1 + fee1);
    }

    function pay(uint256 amount0, uint256 amount1) private {
        if (amount0 > 0) IToken(pool.token0()).transfer(msg.sender, amount0);
        if (amount1 > 0) IToken(pool.token1()).transfer(msg.sender, amount1);
    }
}
