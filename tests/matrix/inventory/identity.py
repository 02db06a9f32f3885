"""Who may do what, and the keys and secrets for it: IAM, KMS, Secrets Manager."""

import json

from look import Look, facts, last, own, tags


class Identity(Look):
    def take(self):
        self.roles()
        self.policies()
        self.keys()
        self.secrets()

    def roles(self):
        iam = self.client("iam")
        for it in self.all("iam", "list_roles", "Roles"):
            name = it["RoleName"]
            if it["Path"].startswith("/aws-service-role/"):
                continue
            inline = {}
            for policy in self.all("iam", "list_role_policies", "PolicyNames", RoleName=name):
                inline[policy] = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
            attached = [one["PolicyArn"] for one in self.all("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)]
            its = {"trust": it["AssumeRolePolicyDocument"], "inline": inline, "attached": sorted(attached), "path": it["Path"]}
            its.update({"description": it.get("Description"), "session": it.get("MaxSessionDuration")})
            # A generated name differs from run to run.
            self.add("role", [name, it["RoleId"]], name, its, tags(iam.get_role(RoleName=name)["Role"]))

    def policies(self):
        iam = self.client("iam")
        for it in self.all("iam", "list_policies", "Policies", Scope="Local"):
            its = facts(it, "PolicyId", "DefaultVersionId", "Tags")
            versions = self.all("iam", "list_policy_versions", "Versions", PolicyArn=it["Arn"])
            its["versions"] = len(versions)
            version = iam.get_policy_version(PolicyArn=it["Arn"], VersionId=it["DefaultVersionId"])["PolicyVersion"]
            its["document"] = version["Document"]
            self.add("policy", it["PolicyName"], it["PolicyName"], its, tags(iam.get_policy(PolicyArn=it["Arn"])["Policy"]))
        for it in self.all("iam", "list_instance_profiles", "InstanceProfiles"):
            its = {"path": it["Path"], "roles": sorted(role["RoleName"] for role in it["Roles"])}
            name = it["InstanceProfileName"]
            self.add("instance profile", None, name, its, tags(iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]))
        for it in self.all("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList"):
            its = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=it["Arn"])
            self.add("OIDC provider", None, it["Arn"], facts(its, "Tags"), tags(its))

    def keys(self):
        kms = self.client("kms")
        for it in self.all("kms", "list_keys", "Keys"):
            identity = it["KeyId"]
            it = kms.describe_key(KeyId=identity)["KeyMetadata"]
            # The second is what the emulator's databases use instead of the first.
            if it["KeyManager"] == "AWS" or it["Description"] == "Default key":
                continue
            its = facts(it, "KeyId", "AWSAccountId")
            its["policy"] = json.loads(kms.get_key_policy(KeyId=identity, PolicyName="default")["Policy"])
            if it["KeyState"] != "PendingDeletion":
                its["rotation"] = kms.get_key_rotation_status(KeyId=identity)["KeyRotationEnabled"]
            kind = "key awaiting its deletion" if it["KeyState"] == "PendingDeletion" else "key"
            self.add(kind, identity, it["Description"], its, tags(kms.list_resource_tags(KeyId=identity)))
        for it in self.all("kms", "list_aliases", "Aliases"):
            if not it["AliasName"].startswith("alias/aws/"):
                self.items.append(["key alias", it["AliasName"], facts(it)])

    def secrets(self):
        """Never what is in them: only under which names something is."""
        client = self.client("secretsmanager")
        for it in self.all("secretsmanager", "list_secrets", "SecretList", IncludePlannedDeletion=True):
            identity = last(it["ARN"])
            if it.get("DeletedDate"):
                self.items.append(["secret awaiting its deletion", it["Name"], {"tags": own(tags(it))}])
                continue
            its = {"name": it["Name"], "description": it.get("Description"), "key": it.get("KmsKeyId")}
            its["stages"] = sorted(stage for stages in (it.get("SecretVersionsToStages") or {}).values() for stage in stages)
            text = client.get_secret_value(SecretId=it["ARN"]).get("SecretString")
            members = json.loads(text) if (text or "").startswith("{") else None
            its["members"] = sorted(members) if isinstance(members, dict) else text is not None
            self.add("secret", identity, it["Name"], its, tags(it))
