"""`homeport package keygen`, `sign`, `unsign` and `trust`: who stands for a package, and who is believed."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from homeport import bootstrap
from homeport.cli.context import Context, Json
from homeport.cli.progress import ByteProgress
from homeport.core.errors import PackageError
from homeport.core.trust import Unsigned
from homeport.packages.base import StoredPackage
from homeport.packages.key_files import public_path, read_key_file, read_password_file, read_public_file, write_key
from homeport.packages.keys import KeyKind, SigningKey, make_key
from homeport.packages.signing import Signer, TrustedKey
from homeport.packages.trust import TrustPolicy, candidate_of

PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="Read the key's password from this file's first line.")
]
Name = Annotated[str, typer.Argument(help="A name from `homeport package list`, or NAME:VERSION.")]


def register(app: typer.Typer) -> None:
    for command in (keygen, sign, unsign, trust):
        app.command()(command)


def keygen(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where the private key goes; the public one goes to FILE.pub.")],
    kind: Annotated[KeyKind, typer.Option("--kind", help="How it signs.")] = KeyKind.ECDSA_P256,
    password: Annotated[bool, typer.Option("--password", help="Ask for a password to encrypt it with.")] = False,
    password_file: PasswordFile = None,
    json: Json = False,
) -> None:
    """Make a key to sign packages with. The private half is readable by you alone; keep it safe.

    Example: homeport package keygen release.key
    """
    state: Context = context.obj
    secret = _asked(confirm=True) if password else read_password_file(password_file) if password_file else None
    key = make_key(kind)
    write_key(file, key, secret)
    public = key.public
    if json:
        state.print_json({"kind": public.kind, "key_id": public.id, "public_key": public.line, "file": str(file)})
        return
    told = (
        f"Private key: {file}{'' if secret else ' (no password)'}",
        f"Public key:  {public_path(file)}",
        "Whoever trusts it writes in homeport.yaml:\n",
        f"trust:\n  keys:\n    {file.stem}:\n      public_key: {public.line}",
    )
    state.console.print("\n".join(told), soft_wrap=True, markup=False)


def sign(
    context: typer.Context,
    name: Name,
    key: Annotated[Path, typer.Option("--key", help="The private key, from `homeport package keygen`.")],
    password_file: PasswordFile = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Write the signature here too, for OpenSSF model-signing.")
    ] = None,
    json: Json = False,
) -> None:
    """Sign a package of the store, after its every byte was checked. The signature goes where the package is pushed.

    Example: homeport package sign smollm2 --key release.key
    """
    state: Context = context.obj
    signing = read_signing_key(key, password_file)
    progress = None if json else ByteProgress(state.console)
    done = bootstrap.sign_stored(state.home, name, signing, progress)
    if bundle is not None:
        bundle.write_bytes(done.bundle)
    package, key_id = done.package, signing.public.id
    if json:
        state.print_json({"name": package.name, "digest": package.digest, "key_id": key_id, "signed": done.is_new})
        return
    state.console.print(f"{package.name} {package.version}  {package.digest}", soft_wrap=True)
    state.console.print(f"{'Signed' if done.is_new else 'Was signed already'} with the key {key_id[:16]}.")


def read_signing_key(key: Path, password_file: Path | None) -> SigningKey:
    """A private key; its password is asked for where it has one and no file is named."""
    return read_key_file(key, lambda: read_password_file(password_file) if password_file else _asked(confirm=False))


def unsign(
    context: typer.Context,
    name: Name,
    key_id: Annotated[str, typer.Argument(help="The key's id, or its first digits.")],
) -> None:
    """Remove the signatures that a package has in the name of a key.

    Example: homeport package unsign smollm2 4f1c2a
    """
    state: Context = context.obj
    removed = bootstrap.unsign_stored(state.home, name, key_id)
    state.console.print(f"Removed {removed} signature{'' if removed == 1 else 's'}.")


def trust(context: typer.Context, json: Json = False) -> None:
    """Which packages of the store are trusted, by whose signature, and what is refused. Exit code 1 if one is.

    Example: homeport package trust
    """
    state: Context = context.obj
    policy, store = bootstrap.trust_policy(state.settings), bootstrap.open_store(state.settings, state.home)
    rows = [_row(state, policy, package) for package in store.list()]
    if json:
        state.print_json(rows)
    else:
        table = Table("package", "version", "unsigned", "verdict")
        for row in rows:
            table.add_row(*(str(row[column]) for column in ("name", "version", "unsigned", "verdict")))
        state.console.print(table)
    if any(row["code"] for row in rows):
        raise typer.Exit(1)


def only_key(file: Path) -> TrustPolicy:
    """The policy that nothing but a signature by this public key will do."""
    key = TrustedKey(name=str(file), key=read_public_file(file))
    return TrustPolicy(keys=(key,), unsigned=Unsigned.REFUSE)


def say_signers(signers: tuple[Signer, ...]) -> str:
    """Who signed, in one line."""
    said = [f"{one.name} ({one.kind} {one.key_id[:16]}, {one.signed_at})" for one in signers]
    return f"Signed by {', '.join(said)}." if said else "Not signed by anybody who is trusted."


def _row(state: Context, policy: TrustPolicy, package: StoredPackage) -> dict[str, object]:
    store, today = bootstrap.open_store(state.settings, state.home), bootstrap.utc_day()
    row: dict[str, object] = {
        "name": package.name,
        "version": package.version,
        "digest": package.digest,
        "unsigned": policy.rule_for(candidate_of(package)).unsigned,
        "signers": (),
        "code": "",
    }
    try:
        verdict = bootstrap.judge_stored(policy, store, package, today)
    except PackageError as error:
        return row | {"verdict": f"refused: {error.message}", "code": error.code}
    return row | {"verdict": verdict.warning or say_signers(verdict.signers), "signers": verdict.signers}


def _asked(*, confirm: bool) -> bytes:
    told: str = typer.prompt("Password of the key", hide_input=True, confirmation_prompt=confirm, err=True)
    return told.encode()
