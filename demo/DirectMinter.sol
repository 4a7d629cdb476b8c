// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
}

interface IPool {
    function token0() external view returns (address);
    function token1() external view returns (address);
    function mint(address recipient, int24 tickLower, int24 tickUpper, uint128 amount, bytes calldata data)
        external
        returns (uint256, uint256);
    function burn(int24 tickLower, int24 tickUpper, uint128 amount) external returns (uint256, uint256);
    function collect(address recipient, int24 tickLower, int24 tickUpper, uint128 amount0, uint128 amount1)
        external
        returns (uint128, uint128);
}

/// Mints straight into a Uniswap V3 pool, for itself or anybody, paid from its own tokens: what vaults and bots do.
contract DirectMinter {
    function mint(IPool pool, address recipient, int24 tickLower, int24 tickUpper, uint128 amount) external {
        pool.mint(recipient, tickLower, tickUpper, amount, "");
    }

    function burn(IPool pool, int24 tickLower, int24 tickUpper, uint128 amount) external {
        pool.burn(tickLower, tickUpper, amount);
    }

    function collect(IPool pool, int24 tickLower, int24 tickUpper) external {
        pool.collect(address(this), tickLower, tickUpper, type(uint128).max, type(uint128).max);
    }

    function uniswapV3MintCallback(uint256 amount0, uint256 amount1, bytes calldata) external {
        if (amount0 > 0) IToken(IPool(msg.sender).token0()).transfer(msg.sender, amount0);
        if (amount1 > 0) IToken(IPool(msg.sender).token1()).transfer(msg.sender, amount1);
    }
}
