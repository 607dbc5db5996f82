import { AccountForm } from "@/ui/account-form";

export default function Login() {
  return <AccountForm isNew={false} />;
}
