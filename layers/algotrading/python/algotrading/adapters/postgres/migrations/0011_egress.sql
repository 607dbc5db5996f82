-- Where orders leave from: pairs of addresses, who may share one, and who holds which. A pair that somebody holds is never
-- given to anybody else while they do: it is registered with their broker.

create table egress_routes (
    name      text primary key check (name ~ '^[a-z0-9-]{1,32}$'),
    addresses text[] not null check (cardinality(addresses) between 1 and 2),
    proxies   text[] not null check (cardinality(proxies) in (0, cardinality(addresses))),
    members   text[] not null,
    is_deployed boolean not null default true
);
comment on column egress_routes.members is 'E-mail addresses, in lower case, of the family that shares it; empty: one account alone';

create table egress_holders (
    user_id      uuid primary key references users (id),
    route        text not null references egress_routes (name),
    is_exclusive boolean not null,
    held_since   timestamptz not null default now()
);

create unique index egress_holders_exclusive on egress_holders (route) where is_exclusive;

alter table egress_holders enable row level security;
create policy tenant on egress_holders to app_role using (user_id = app_user_id());
create policy system on egress_holders to system_role using (true);

alter table egress_routes enable row level security;
create policy tenant on egress_routes to app_role
    using (exists (select from egress_holders h where h.route = name and h.user_id = app_user_id()));
create policy system on egress_routes to system_role using (true);

grant select on egress_holders to app_role, system_role;
grant select (name, addresses, proxies) on egress_routes to app_role, system_role;

-- Gives the session's user a pair: the one held already, else the family's, else a free one; null when there is none.
create function claim_egress() returns text
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    claimant uuid := app_user_id();
    mail text;
    found text;
begin
    select route into found from egress_holders where user_id = claimant;
    if found is not null then
        return found;
    end if;
    select lower(email) into mail from users where id = claimant;
    if mail is null then
        return null;
    end if;
    -- One at a time: two who look at once would both take the first free pair, and so would one who asks twice.
    lock table egress_holders in share row exclusive mode;
    select route into found from egress_holders where user_id = claimant;
    if found is not null then
        return found;
    end if;
    select r.name into found from egress_routes r
    where r.is_deployed and mail = any (r.members)
        and not exists (select from egress_holders h where h.route = r.name and h.is_exclusive)
    order by r.name limit 1;
    if found is not null then
        insert into egress_holders (user_id, route, is_exclusive) values (claimant, found, false);
        return found;
    end if;
    select r.name into found from egress_routes r
    where r.is_deployed and r.members = '{}' and not exists (select from egress_holders h where h.route = r.name)
    order by r.name limit 1;
    if found is not null then
        insert into egress_holders (user_id, route, is_exclusive) values (claimant, found, true);
    end if;
    return found;
end $$;

revoke execute on function claim_egress() from public;
grant execute on function claim_egress() to app_role;
