-- The protective stop that rests at the broker, and how long a position was guarded by nothing.

alter table strategies add column broker_stop boolean not null default true;
alter table cycles
    add column broker_stop      boolean not null default false,
    add column naked_ms         bigint not null default 0,
    add column sampled_at       timestamptz,
    add column sampled_blind_ms bigint,
    add column doubted_since    timestamptz,
    add column doubted_held     integer not null default 0,
    add column held_before      integer,
    add column is_verified      boolean not null default false,
    drop column absent_reads;
create index cycles_unverified on cycles (trading_day) where state = 'flat' and not is_verified;

alter table order_intents drop constraint order_intents_leg_check;
alter table order_intents
    add constraint order_intents_leg_check check (leg in ('entry', 'exit', 'stop')),
    add column trigger_price numeric(14, 4),
    add column turned_at     timestamptz,
    add column turn_answer   varchar(10) check (turn_answer in ('taken', 'refused', 'unsure'));
