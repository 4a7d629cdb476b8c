// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;

/// A share token that says what its shares are worth, and whose assets grow without any log.
contract Vault {
    event Transfer(address indexed from, address indexed to, uint256 value);

    mapping(address => uint256) public balanceOf;
    uint256 public totalSupply;
    uint256 private assets;

    function mint(address to, uint256 shares) external {
        assets += totalSupply == 0 ? shares : (shares * assets) / totalSupply;
        totalSupply += shares;
        balanceOf[to] += shares;
        emit Transfer(address(0), to, shares);
    }

    function transfer(address to, uint256 shares) external returns (bool) {
        balanceOf[msg.sender] -= shares;
        balanceOf[to] += shares;
        emit Transfer(msg.sender, to, shares);
        return true;
    }

    function earn(uint256 amount) external {
        assets += amount;
    }

    function convertToAssets(uint256 shares) external view returns (uint256) {
        return totalSupply == 0 ? shares : (shares * assets) / totalSupply;
    }
}
