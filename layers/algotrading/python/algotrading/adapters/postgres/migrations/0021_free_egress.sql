-- A pair of addresses is held for good, since it is registered with its holder's broker. Once it no longer is there, an
-- operator frees it for somebody else. Not while a broker is connected: that account would go on through it, or claim it anew.

-- Takes the pair from the session's user and answers its name; null when there is none, or a broker is connected.
create function free_egress() returns text
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    freed text;
begin
    -- Nobody claims meanwhile.
    lock table egress_holders in share row exclusive mode;
    delete from egress_holders h
    where h.user_id = app_user_id() and not exists (select from broker_keys k where k.user_id = h.user_id)
    returning h.route into freed;
    return freed;
end $$;

revoke execute on function free_egress() from public;
grant execute on function free_egress() to system_role;
