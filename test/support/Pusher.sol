// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

interface IPool {
    function swap(address recipient, bool zeroForOne, int256 amount, uint160 limit, bytes calldata data)
        external
        returns (int256, int256);
}

/// Moves a pool's price through nobody's liquidity, which costs nothing.
contract Pusher {
    function push(IPool pool, bool zeroForOne, uint160 limit) external {
        pool.swap(address(this), zeroForOne, 1, limit, "");
    }

    function uniswapV3SwapCallback(int256 amount0, int256 amount1, bytes calldata) external pure {
        require(amount0 <= 0 && amount1 <= 0, "somebody's liquidity is in the way");
    }
}
