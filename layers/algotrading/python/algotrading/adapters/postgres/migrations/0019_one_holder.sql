-- A broker account is traded through by one user. Two of them would take each other's orders for their owner's own, and
-- upon the same positions both may sell the same shares. The account that carries prices is apart: it places no orders.

alter table broker_keys add column places_orders boolean not null default true;

-- Where two hold one, whoever logged in last keeps it; the other is asked to log in, and is refused.
update broker_keys k set access_token = null, status = 'login_required', broker_user_id = null
where exists (
    select 1 from broker_keys o
    where o.broker = k.broker and o.broker_user_id = k.broker_user_id and o.user_id <> k.user_id
      and (coalesce(o.token_at, '-infinity'), o.user_id) > (coalesce(k.token_at, '-infinity'), k.user_id)
);

create unique index broker_keys_one_holder on broker_keys (broker, broker_user_id) where places_orders;
