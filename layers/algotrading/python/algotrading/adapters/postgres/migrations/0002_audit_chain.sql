-- The audit trail becomes a hash chain per user: hash = sha256(prev_hash || record), the first prev_hash
-- being 32 zero bytes. `record` is the text that was hashed; the columns beside it repeat what is in it,
-- for finding it. Records of 0001 become the start of the chains, in the order in which they were written.

alter table audit_log rename to audit_log_unchained;
alter table audit_log_unchained rename constraint audit_log_pkey to audit_log_unchained_pkey;
drop index audit_log_strategy;

create table audit_log (
    user_id     uuid not null,
    seq         bigint not null check (seq > 0),
    prev_hash   bytea not null check (length(prev_hash) = 32),
    hash        bytea not null check (length(hash) = 32),
    at          timestamptz not null,
    kind        varchar(40) not null,
    strategy_id uuid,
    trading_day date,
    record      text not null,
    primary key (user_id, seq),
    foreign key (strategy_id, user_id) references strategies (strategy_id, user_id)
);
create index audit_log_strategy on audit_log (strategy_id, trading_day, seq) where strategy_id is not null;
create index audit_log_account on audit_log (user_id, at) where strategy_id is null;

-- One row per user, rewritten by every record: room on the page keeps that cheap (heap-only tuples).
create table audit_heads (
    user_id uuid primary key,
    seq     bigint not null check (seq >= 0),
    hash    bytea not null check (length(hash) = 32)
) with (fillfactor = 50);

-- What a transaction has written down and not committed yet. Nothing in it outlives its transaction, so it
-- needs no log; its texts are short-lived and not worth compressing.
create unlogged table audit_pending (
    pending_id  bigint generated always as identity primary key,
    user_id     uuid not null,
    at          timestamptz not null,
    kind        varchar(40) not null,
    strategy_id uuid,
    trading_day date,
    record      text not null
);
alter table audit_pending alter column record set storage external;

-- The only way into the trail, for the user of the transaction only; what concerns every user at once (the chain of
-- nobody, 0) is the system's to say. A record can never be taken back, so none comes in that a verification could not
-- read, or would read differently than it is found by: every text has the one form that it is written in here.
create function audit_append(new_record text) returns void
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    said jsonb := new_record::jsonb;
begin
    if app_user_id() is null or (said ->> 'user_id')::uuid is distinct from app_user_id() then
        raise exception 'an audit record belongs to the chain of its own user' using errcode = 'insufficient_privilege';
    end if;
    if app_user_id() = '00000000-0000-0000-0000-000000000000' and not pg_has_role(session_user, 'system_role', 'usage') then
        raise exception 'the chain of the deployment is the system''s' using errcode = 'insufficient_privilege';
    end if;
    if (said ->> 'at') !~ '^2[0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{6})?[+-][0-9]{2}:[0-5][0-9]$'
        or (said ->> 'trading_day') !~ '^2[0-9]{3}-[0-9]{2}-[0-9]{2}$'
        or coalesce(jsonb_typeof(said -> 'at'), '') <> 'string' or coalesce(jsonb_typeof(said -> 'kind'), '') <> 'string'
        or coalesce(jsonb_typeof(said -> 'trading_day'), '') not in ('string', 'null')
        or (said ->> 'user_id') <> app_user_id()::text
        or (said ->> 'strategy_id') <> (said ->> 'strategy_id')::uuid::text
        or coalesce(jsonb_typeof(said -> 'strategy_id'), '') not in ('string', 'null')
    then
        raise exception 'an audit record has its moment, day, kind and owner in plain form' using errcode = 'invalid_parameter_value';
    end if;
    insert into audit_pending (user_id, at, kind, strategy_id, trading_day, record)
    values (app_user_id(), (said ->> 'at')::timestamptz, said ->> 'kind', (said ->> 'strategy_id')::uuid,
            (said ->> 'trading_day')::date, new_record);
end $$;

-- Runs within the COMMIT: a user's writers wait for each other from here to its end, and for no client.
create function audit_chain() returns trigger
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    head audit_heads;
    new_hash bytea;
begin
    select * into head from audit_heads where user_id = new.user_id for update;
    if not found then
        -- Of two first records at once, one waits for the other here and then reads what it left.
        insert into audit_heads values (new.user_id, 0, decode(repeat('00', 32), 'hex')) on conflict do nothing;
        select * into strict head from audit_heads where user_id = new.user_id for update;
    end if;
    new_hash := sha256(head.hash || convert_to(new.record, 'UTF8'));
    insert into audit_log (user_id, seq, prev_hash, hash, at, kind, strategy_id, trading_day, record)
    values (new.user_id, head.seq + 1, head.hash, new_hash, new.at, new.kind, new.strategy_id, new.trading_day,
            new.record);
    update audit_heads set seq = head.seq + 1, hash = new_hash where user_id = new.user_id;
    delete from audit_pending where pending_id = new.pending_id;
    return null;
end $$;
create constraint trigger audit_chain after insert on audit_pending
    deferrable initially deferred for each row execute function audit_chain();

do $$
declare
    old audit_log_unchained;
begin
    for old in select * from audit_log_unchained order by user_id, audit_id loop
        perform set_config('app.user_id', old.user_id::text, true);
        perform audit_append(jsonb_build_object(
            'at', to_char(old.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'),
            'data', jsonb_build_object('cause', null, 'cycle', jsonb_build_object('state', old.state, 'epoch', old.epoch),
                                       'effects', old.effects, 'event', old.event),
            'kind', 'decision',
            'strategy_id', old.strategy_id,
            'trading_day', old.trading_day,
            'user_id', old.user_id
        )::text);
    end loop;
    perform set_config('app.user_id', '', true);
end $$;
-- Chain them now: the rest of this file changes the tables that they go to.
set constraints audit_chain immediate;
drop table audit_log_unchained;

-- Who has strategies and was never heard of in the trail of 0001 has a chain that is empty, and not one that is gone.
insert into audit_heads
select distinct s.user_id, 0, decode(repeat('00', 32), 'hex') from strategies s on conflict do nothing;

-- Append-only for every role, the owner too, and in every replication role.
create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception '% on % is refused: the audit trail is append-only', lower(tg_op), tg_table_name
        using errcode = 'insufficient_privilege';
end $$;

create function audit_head_step() returns trigger language plpgsql as $$
begin
    if new.user_id <> old.user_id or new.seq <> old.seq + 1 then
        raise exception 'update on audit_heads is refused: a head moves by one record' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;

create trigger append_only before update or delete or truncate on audit_log
    for each statement execute function audit_refuse();
create trigger append_only before delete or truncate on audit_heads
    for each statement execute function audit_refuse();
create trigger one_step before update on audit_heads for each row execute function audit_head_step();
alter table audit_log enable always trigger append_only;
alter table audit_heads enable always trigger append_only;
alter table audit_heads enable always trigger one_step;

do $$
declare t text;
begin
    foreach t in array array['audit_log', 'audit_heads', 'audit_pending'] loop
        execute format('alter table %I enable row level security', t);
        execute format('create policy tenant on %I for select to app_role using (user_id = app_user_id())', t);
        execute format('create policy system on %I for select to system_role using (true)', t);
    end loop;
end $$;

revoke all on function audit_append(text), audit_chain() from public;
grant execute on function audit_append(text) to app_role;
grant select on audit_log, audit_heads to app_role, system_role;
