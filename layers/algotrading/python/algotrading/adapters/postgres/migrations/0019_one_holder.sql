-- A broker account is traded through by one user. Two of them would take each other's orders for their owner's own, and
-- upon the same positions both may sell the same shares. The account that carries prices is apart: it places no orders.

alter table broker_keys add column places_orders boolean not null default true;

-- Where two hold one, who has no strategies places no orders there, as the account that carries prices: it goes on seeing.
update broker_keys k set places_orders = false
where exists (
    select from broker_keys o
    where o.broker = k.broker and o.broker_user_id = k.broker_user_id and o.user_id <> k.user_id
)
and not exists (select from strategies s where s.user_id = k.user_id and s.deleted_at is null);

-- Of the others whoever has something at stake keeps it, else whoever logged in last; the rest are asked to log in, and are
-- refused.
with holders as materialized (
    select k.user_id, k.broker, k.broker_user_id, coalesce(k.token_at, '-infinity') as token_at,
        exists (select from strategies s where s.user_id = k.user_id and s.deleted_at is null and s.status = 'running')
        or exists (select from cycles c where c.user_id = k.user_id and is_unsettled(c)) as is_at_stake
    from broker_keys k where k.places_orders and k.broker_user_id is not null
)
update broker_keys k set access_token = null, status = 'login_required', broker_user_id = null
from holders h
where h.user_id = k.user_id and exists (
    select from holders o
    where o.broker = h.broker and o.broker_user_id = h.broker_user_id and o.user_id <> h.user_id
      and (o.is_at_stake, o.token_at, o.user_id) > (h.is_at_stake, h.token_at, h.user_id)
);

create unique index broker_keys_one_holder on broker_keys (broker, broker_user_id) where places_orders;
