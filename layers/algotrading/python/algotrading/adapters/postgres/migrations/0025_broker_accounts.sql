-- A user may have several broker accounts; keys, cycles and kept books are an account's. Every user has a first one from the
-- beginning: its id follows from the user's, and what was there before belongs to it. See docs/decisions/several-broker-accounts.md.

create function first_account_of(owner uuid) returns uuid language sql immutable as
    $$ select encode(substr(sha256(convert_to('first broker account of ' || owner::text, 'UTF8')), 1, 16), 'hex')::uuid $$;

-- A row stays for ever, beside the orders that went through its account.
create table broker_accounts (
    account_id uuid primary key,
    user_id    uuid not null references users (id),
    name       varchar(40) not null,
    is_default boolean not null,
    created_at timestamptz not null,
    removed_at timestamptz,
    check (removed_at is null or not is_default),
    -- Target of the foreign keys below: what hangs on an account belongs to the account's owner.
    unique (account_id, user_id)
);
create unique index broker_accounts_one_default on broker_accounts (user_id) where is_default;
create index broker_accounts_user on broker_accounts (user_id);

alter table broker_accounts enable row level security;
create policy tenant on broker_accounts to app_role using (user_id = app_user_id()) with check (user_id = app_user_id());
create policy system on broker_accounts to system_role using (true) with check (true);
grant select, insert, update (name, is_default, removed_at) on broker_accounts to app_role;
grant select on broker_accounts to system_role;

insert into broker_accounts (account_id, user_id, name, is_default, created_at)
select first_account_of(id), id, 'Main account', true, created_at from users;

create function open_first_account() returns trigger
    language plpgsql security definer set search_path = public, pg_temp as $$
begin
    insert into broker_accounts (account_id, user_id, name, is_default, created_at)
    values (first_account_of(new.id), new.id, 'Main account', true, new.created_at);
    return null;
end $$;
create trigger first_account after insert on users for each row execute function open_first_account();

-- Strategies, cycles and kept books.

alter table strategies add column account_id uuid;
alter table cycles add column account_id uuid;
alter table book_snapshots add column account_id uuid;
update strategies set account_id = first_account_of(user_id);
update cycles set account_id = first_account_of(user_id);
update book_snapshots set account_id = first_account_of(user_id);
alter table strategies
    alter account_id set not null, add foreign key (account_id, user_id) references broker_accounts (account_id, user_id);
alter table cycles
    alter account_id set not null, add foreign key (account_id, user_id) references broker_accounts (account_id, user_id);
alter table book_snapshots
    alter account_id set not null, add foreign key (account_id, user_id) references broker_accounts (account_id, user_id),
    drop constraint book_snapshots_pkey, add primary key (account_id, trading_day);

create or replace function risk_cycle(c cycles) returns jsonb language sql stable as $$
    select jsonb_build_object(
        'strategy_id', c.strategy_id, 'user_id', c.user_id, 'account_id', c.account_id, 'trading_day', c.trading_day,
        'state', c.state, 'exchange', c.exchange, 'symbol', c.symbol, 'product', c.product, 'stop_loss', c.stop_loss,
        'quantity', c.quantity, 'closed_outside', c.closed_outside,
        'intents', coalesce((
            select jsonb_agg(jsonb_build_object(
                'leg', i.leg, 'attempt', i.attempt, 'tag', i.tag, 'side', i.side, 'quantity', i.quantity,
                'state', i.state, 'filled', i.filled, 'average_price', i.average_price) order by i.created_at)
            from order_intents i where i.strategy_id = c.strategy_id and i.trading_day = c.trading_day), '[]'))
$$;

-- Keys and tokens.

alter table broker_keys rename to broker_connections;
alter table broker_connections add column account_id uuid, add column sole_of uuid unique;
comment on column broker_connections.sole_of is 'The owner, where the owner has one account: see the view broker_keys';
update broker_connections set account_id = first_account_of(user_id), sole_of = user_id;
alter table broker_connections
    drop constraint broker_keys_pkey, add primary key (account_id), alter user_id set not null,
    add foreign key (account_id, user_id) references broker_accounts (account_id, user_id);
create index broker_connections_user on broker_connections (user_id);

create or replace function free_egress() returns text
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    freed text;
begin
    -- Nobody claims meanwhile.
    lock table egress_holders in share row exclusive mode;
    delete from egress_holders h
    where h.user_id = app_user_id() and not exists (select from broker_connections k where k.user_id = h.user_id)
    returning h.route into freed;
    return freed;
end $$;

-- For the version before, which runs on this schema while a deployment replaces it and where somebody goes back: it knows of
-- one account to a user. What it writes lands in the owner's default. Of a user with several it sees no connection, as it would
-- sell at one account what was bought at the other.

create view broker_keys with (security_invoker = true) as
    select sole_of as user_id, broker, api_key, secret_key, access_token, broker_user_id, status, token_at, updated_at,
           postback_id, places_orders
    from broker_connections where sole_of is not null;
grant select, insert, update, delete on broker_keys to app_role;
grant select on broker_keys to system_role;

create function name_default_account() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    new.account_id := (select a.account_id from broker_accounts a where a.user_id = new.user_id and a.is_default);
    return new;
end $$;
create trigger default_account before insert on strategies
    for each row when (new.account_id is null) execute function name_default_account();
create trigger default_account before insert on book_snapshots
    for each row when (new.account_id is null) execute function name_default_account();

create function name_account_of_strategy() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    new.account_id := (select s.account_id from strategies s where s.strategy_id = new.strategy_id);
    return new;
end $$;
create trigger account_of_strategy before insert on cycles
    for each row when (new.account_id is null) execute function name_account_of_strategy();

create function owner_with_one_account(owner uuid) returns uuid language sql stable set search_path = public, pg_temp as
    $$ select a.user_id from broker_accounts a where a.user_id = owner and a.removed_at is null
       group by a.user_id having count(*) = 1 $$;

create function complete_connection() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    new.user_id := coalesce(new.user_id, new.sole_of);
    new.account_id := coalesce(
        new.account_id, (select a.account_id from broker_accounts a where a.user_id = new.user_id and a.is_default));
    new.sole_of := owner_with_one_account(new.user_id);
    return new;
end $$;
create trigger completed before insert on broker_connections for each row execute function complete_connection();

create function show_sole_connections() returns trigger language plpgsql set search_path = public, pg_temp as $$
begin
    update broker_connections set sole_of = owner_with_one_account(user_id) where user_id = new.user_id;
    return null;
end $$;
create trigger sole_connections after insert or update of removed_at on broker_accounts
    for each row execute function show_sole_connections();
