// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// A token whose maker does what it likes when a pair sends some of it: gives the pair more, or takes more from it than was sent.
contract Hooked {
    string public constant symbol = "HOOK";
    uint8 public constant decimals = 18;
    mapping(address => uint256) public balanceOf;
    address public armed;
    uint256 public gift;
    uint256 public extra;

    constructor(uint256 supply) {
        balanceOf[msg.sender] = supply;
    }

    function arm(address pair, uint256 given, uint256 taken) external {
        (armed, gift, extra) = (pair, given, taken);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        if (msg.sender == armed) balanceOf[armed] = balanceOf[armed] + gift - extra;
        return true;
    }
}
