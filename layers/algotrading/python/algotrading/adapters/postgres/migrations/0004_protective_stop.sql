-- The protective stop that rests at the broker, and how long a position was guarded by nothing.

alter table strategies add column broker_stop boolean not null default true;
alter table cycles
    add column broker_stop      boolean not null default false,
    add column naked_ms         bigint not null default 0,
    add column sampled_at       timestamptz,
    add column sampled_blind_ms bigint;

alter table order_intents drop constraint order_intents_leg_check;
alter table order_intents
    add constraint order_intents_leg_check check (leg in ('entry', 'exit', 'stop')),
    add column trigger_price numeric(14, 4),
    add column turned_at     timestamptz,
    add column turn_refused  boolean not null default false;
