// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

// What a distributor asks of a claim: OpenZeppelin's own proof library, over (address, uint256).
contract Claims {
    function holds(bytes32 root, address recipient, uint256 amount, bytes32[] calldata proof) external pure returns (bool) {
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(recipient, amount))));
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }
}
