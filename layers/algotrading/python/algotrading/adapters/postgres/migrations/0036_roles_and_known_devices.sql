-- A role of the staff is granted to whoever shows the second factor that is on. It goes with that factor: else whoever holds a
-- stolen token switches the factor off, sets another up, and holds the role by that. Roles that outlived theirs count for
-- nothing by now, and would again with the next.
delete from user_roles r
    where not exists (select from second_factors f where f.user_id = r.user_id and f.confirmed_at <= r.granted_at);
alter table user_roles
    add constraint user_roles_second_factor foreign key (user_id) references second_factors (user_id) on delete cascade;

-- A login that names an earlier one of its device is counted by that device, so that whoever guesses at an account from
-- elsewhere does not keep its owner out. This is asked before the password was looked at: of a device that is none, nothing
-- of the e-mail is looked at, and nobody's row is shown.
create function is_known_device(device uuid, its_email text, kept text[]) returns boolean
    language plpgsql stable security definer set search_path = public, pg_temp as $$
declare
    owner uuid;
begin
    select l.user_id into owner from logins l
        where l.device_id = device and (l.end_reason is null or l.end_reason = any(kept));
    return owner is not null
        and exists (select from users u where u.id = owner and lower(u.email) = lower(its_email) and u.deleted_at is null);
end $$;
revoke execute on function is_known_device(uuid, text, text[]) from public;
grant execute on function is_known_device(uuid, text, text[]) to app_role;
