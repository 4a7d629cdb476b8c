// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

// The share token of an old Curve pool: only the pool issues and redeems.
contract OldShares {
    string public constant symbol = "OLD";
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    address immutable pool = msg.sender;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function mint(address to, uint256 value) external {
        require(msg.sender == pool);
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function burnFrom(address from, uint256 value) external {
        require(msg.sender == pool);
        totalSupply -= value;
        balanceOf[from] -= value;
        emit Transfer(from, address(0), value);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}

// In the order of Curve's pools that pay the chain's own coin: shares are burned, the coin is sent, and only then the pool logs.
contract OldPool {
    event AddLiquidity(address indexed provider, uint256[2] token_amounts, uint256[2] fees, uint256 invariant, uint256 token_supply);
    event RemoveLiquidity(address indexed provider, uint256[2] token_amounts, uint256[2] fees, uint256 token_supply);

    OldShares public immutable shares = new OldShares();

    function add_liquidity() external payable {
        shares.mint(msg.sender, msg.value);
        uint256 supply = shares.totalSupply();
        emit AddLiquidity(msg.sender, [msg.value, uint256(0)], [uint256(0), 0], supply, supply);
    }

    function remove_liquidity(uint256 amount) external {
        shares.burnFrom(msg.sender, amount);
        (bool sent, ) = msg.sender.call{value: amount}("");
        require(sent);
        emit RemoveLiquidity(msg.sender, [amount, uint256(0)], [uint256(0), 0], shares.totalSupply());
    }
}

// Whoever is paid moves no shares at all, between the burn and the pool's log.
contract Caller {
    OldPool immutable pool;

    constructor(OldPool target) payable {
        pool = target;
    }

    function attack() external {
        pool.add_liquidity{value: 2}();
        pool.remove_liquidity(1);
    }

    receive() external payable {
        pool.shares().transfer(address(this), 0);
    }
}
