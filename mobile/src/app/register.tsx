import { AccountForm } from "@/ui/account-form";

export default function Register() {
  return <AccountForm isNew />;
}
