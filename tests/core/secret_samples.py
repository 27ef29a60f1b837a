"""Secrets that open nothing, in the forms of their issuers, and words that merely look like some.

They are put together here, so that no scanner of repositories takes this file for a leak.
"""


def _mixed(length: int) -> str:
    return ("aZ3kQ9xW2mB7cD4eF6gH8jL0nP5rS1tU" * (length // 32 + 1))[:length]


def _digits_and_capitals(length: int) -> str:
    return ("A2B3C4D5E6F7G2H3" * (length // 16 + 1))[:length]


def _hex(length: int) -> str:
    return ("0a1b2c3d4e5f6789" * (length // 16 + 1))[:length]


_DASHES = "-" * 5
_JWT_HEAD, _JWT_BODY = "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0"

KNOWN = {
    "AWS access key": "AKIA" + _digits_and_capitals(16),
    "AWS session key": "ASIA" + _digits_and_capitals(16),
    "GitHub token": "ghp_" + _mixed(36),
    "GitHub app token": "ghs_" + _mixed(36),
    "GitHub fine-grained token": "github_pat_" + _mixed(22) + "_" + _mixed(59),
    "GitLab token": "glpat-" + _mixed(20),
    "Slack bot token": "xoxb-" + "123456789012-" + _mixed(24),
    "Slack webhook": "hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/" + _mixed(24),
    "Stripe key": "sk_live_" + _mixed(24),
    "Stripe webhook secret": "whsec_" + _mixed(32),
    "Google API key": "AIza" + _mixed(35),
    "Google access token": "ya29." + _mixed(60),
    "Google client secret": "GOCSPX-" + _mixed(28),
    "OpenAI key": "sk-" + _mixed(48),
    "OpenAI project key": "sk-proj-" + _mixed(48),
    "Anthropic key": "sk-ant-api03-" + _mixed(80),
    "Hugging Face token": "hf_" + _mixed(34),
    "npm token": "npm_" + _mixed(36),
    "PyPI token": "pypi-" + _mixed(80),
    "Docker token": "dckr_pat_" + _mixed(27),
    "SendGrid key": "SG." + _mixed(22) + "." + _mixed(43),
    "Twilio key": "SK" + _hex(32),
    "Mailgun key": "key-" + _hex(32),
    "DigitalOcean token": "dop_v1_" + _hex(64),
    "Databricks token": "dapi" + _hex(32),
    "Shopify token": "shpat_" + _hex(32),
    "Square token": "sq0atp-" + _mixed(22),
    "Atlassian token": "ATATT3" + _mixed(60),
    "Linear key": "lin_api_" + _mixed(40),
    "Notion token": "ntn_" + _mixed(46),
    "Vault token": "hvs." + _mixed(24),
    "Grafana token": "glsa_" + _mixed(32),
    "Sentry token": "sntrys_" + _mixed(60),
    "New Relic key": "NRAK-" + _digits_and_capitals(27),
    "Postman key": "PMAK-" + _hex(24) + "-" + _hex(34),
    "age key": "AGE-SECRET-KEY-1" + _digits_and_capitals(58),
    "Telegram bot token": "123456789:AA" + _mixed(33),
    "Discord bot token": "M" + _mixed(23) + "." + _mixed(6) + "." + _mixed(27),
    "Terraform token": _mixed(14) + ".atlasv1." + _mixed(67),
    "Azure client secret": "aB3" + "8Q~" + _mixed(34),
    "Azure storage key": "AccountKey=" + _mixed(86) + "==",
    "Tailscale key": "tskey-auth-" + _mixed(16) + "-" + _mixed(32),
    "JWT": _JWT_HEAD + "." + _JWT_BODY + "." + _mixed(43),
    "private key": f"{_DASHES}BEGIN RSA PRIVATE KEY{_DASHES}\n{_mixed(64)}\n{_mixed(40)}\n"
    f"{_DASHES}END RSA PRIVATE KEY{_DASHES}",
}

CUT_KEY = f"{_DASHES}BEGIN OPENSSH PRIVATE KEY{_DASHES}\n{_mixed(64)}\n{_mixed(20)}"

LOOKALIKES = (
    "the sk-learn-style-estimator-with-a-very-long-name-for-tests",
    "sk-" + "word-" * 12,
    "AKIA is how the ids of access keys begin",
    "ghp_ is a prefix",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "https://example.com/a/very/long/path/that/goes/on/and/on?page=2&sort=name",
    "eyJvZmZzZXQiOjEwMCwibGltaXQiOjUwfQ==",
    f"{_DASHES}BEGIN CERTIFICATE{_DASHES}\n{_mixed(64)}\n{_DASHES}END CERTIFICATE{_DASHES}",
    f"{_DASHES}BEGIN PUBLIC KEY{_DASHES}\n{_mixed(64)}\n{_DASHES}END PUBLIC KEY{_DASHES}",
    "a/base64/body+of+an+image/" + "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ" * 4,
)
