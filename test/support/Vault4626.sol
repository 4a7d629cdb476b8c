// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

import {ERC20} from "@uniswap/v4-periphery/lib/permit2/lib/solmate/src/tokens/ERC20.sol";
import {ERC4626} from "@uniswap/v4-periphery/lib/permit2/lib/solmate/src/mixins/ERC4626.sol";

/// Solmate's ERC-4626 vault, as it comes: its assets are what it holds of the token.
contract Vault4626 is ERC4626 {
    constructor(ERC20 held) ERC4626(held, "Vault", "V") {}

    function totalAssets() public view override returns (uint256) {
        return asset.balanceOf(address(this));
    }
}
