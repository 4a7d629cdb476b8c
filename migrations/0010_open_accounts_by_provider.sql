-- What a provider holds now, without going through all it ever held: its total is told anew with every change.

create index accounts_open_by_provider on accounts (provider_address) where liquidity <> '0';
