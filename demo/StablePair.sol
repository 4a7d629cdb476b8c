// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

interface IToken {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// Our own pool of two coins of 18 decimals, which logs what Curve's StableSwap-NG logs, in its order: the coins, the
/// transfer of the shares, the pool's own event with the supply after it. It is not Curve's code, which no package
/// carries. Its amplification is endless, so that D is the sum of the balances; fees, shares and what a removal pays
/// follow from D as they do there.
contract StablePair {
    event Transfer(address indexed sender, address indexed receiver, uint256 value);
    event AddLiquidity(
        address indexed provider, uint256[] token_amounts, uint256[] fees, uint256 invariant, uint256 token_supply
    );
    event RemoveLiquidity(
        address indexed provider, uint256[] token_amounts, uint256[] fees, uint256 token_supply
    );
    event RemoveLiquidityOne(
        address indexed provider, int128 token_id, uint256 token_amount, uint256 coin_amount, uint256 token_supply
    );
    event TokenExchange(
        address indexed buyer, int128 sold_id, uint256 tokens_sold, int128 bought_id, uint256 tokens_bought
    );

    uint256 private constant FEE_PART = 10_000;
    uint256 private constant ADMIN_PART = 2;

    address[2] public coins;
    /// What belongs to the providers; the protocol's half of the fees is not in it.
    uint256[2] public balances;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    constructor(address coin0, address coin1) {
        coins = [coin0, coin1];
        emit Transfer(address(0), msg.sender, 0);
    }

    function decimals() external pure returns (uint8) {
        return 18;
    }

    /// Without a guard of the zero address, as there: what is sent to it stays in the supply.
    function transfer(address to, uint256 value) external returns (bool) {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }

    function add(uint256[2] calldata amounts, address receiver) external {
        uint256 before = balances[0] + balances[1];
        uint256[] memory paid = new uint256[](2);
        uint256[] memory fees = new uint256[](totalSupply == 0 ? 0 : 2);
        uint256 invariant = before;
        for (uint256 i = 0; i < 2; i++) {
            if (amounts[i] > 0) IToken(coins[i]).transferFrom(msg.sender, address(this), amounts[i]);
            paid[i] = amounts[i];
            balances[i] += amounts[i];
            invariant += amounts[i];
            if (totalSupply == 0) continue;
            fees[i] = amounts[i] / FEE_PART;
            balances[i] -= fees[i] / ADMIN_PART;
            invariant -= fees[i];
        }
        uint256 minted = totalSupply == 0 ? invariant : (totalSupply * (invariant - before)) / before;
        require(minted > 0, "nothing minted");
        totalSupply += minted;
        balanceOf[receiver] += minted;
        emit Transfer(address(0), receiver, minted);
        emit AddLiquidity(msg.sender, paid, fees, invariant, totalSupply);
    }

    function remove(uint256 shares) external {
        uint256[] memory paid = new uint256[](2);
        for (uint256 i = 0; i < 2; i++) {
            paid[i] = (balances[i] * shares) / totalSupply;
            balances[i] -= paid[i];
            IToken(coins[i]).transfer(msg.sender, paid[i]);
        }
        burn(shares);
        emit RemoveLiquidity(msg.sender, paid, new uint256[](0), totalSupply);
    }

    function removeOne(uint256 shares, uint256 coin) external {
        uint256 worth = ((balances[0] + balances[1]) * shares) / totalSupply;
        uint256 fee = worth / FEE_PART;
        balances[coin] -= worth - fee + fee / ADMIN_PART;
        burn(shares);
        IToken(coins[coin]).transfer(msg.sender, worth - fee);
        emit RemoveLiquidityOne(msg.sender, int128(int256(coin)), shares, worth - fee, totalSupply);
    }

    function exchange(uint256 sold, uint256 amount) external {
        uint256 fee = amount / FEE_PART;
        IToken(coins[sold]).transferFrom(msg.sender, address(this), amount);
        balances[sold] += amount;
        balances[1 - sold] -= amount - fee + fee / ADMIN_PART;
        IToken(coins[1 - sold]).transfer(msg.sender, amount - fee);
        emit TokenExchange(msg.sender, int128(int256(sold)), amount, int128(int256(1 - sold)), amount - fee);
    }

    function burn(uint256 shares) private {
        balanceOf[msg.sender] -= shares;
        totalSupply -= shares;
        emit Transfer(msg.sender, address(0), shares);
    }
}
