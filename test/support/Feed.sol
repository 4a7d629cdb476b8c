// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// A Chainlink aggregator as far as a reader of its logs sees it: it answers, and says so.
contract Aggregator {
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    uint8 public constant decimals = 8;
    uint256 public round;

    function transmit(int256 answer) external {
        round += 1;
        emit AnswerUpdated(answer, round, block.timestamp);
    }
}

// The published address: it names the aggregator in force and those before it, and emits nothing.
contract FeedProxy {
    uint8 public constant decimals = 8;
    uint16 public phaseId;
    mapping(uint16 => address) public phaseAggregators;

    function aggregator() external view returns (address) {
        return phaseAggregators[phaseId];
    }

    function confirm(address next) external {
        phaseId += 1;
        phaseAggregators[phaseId] = next;
    }
}
