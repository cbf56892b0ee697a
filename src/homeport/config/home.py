"""Where Homeport keeps things: the paths below the state folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The state folder (HOMEPORT_HOME)."""

    root: Path

    def create(self) -> None:
        """Make the folders, closed to other users."""
        for folder in (self.root, self.logs, self.run, self.packages, self.files):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def config(self) -> Path:
        return self.root / "homeport.yaml"

    @property
    def local_key(self) -> Path:
        """The key that `homeport up` makes for this machine's user."""
        return self.root / "local.key"

    @property
    def admin_key(self) -> Path:
        """The key that `homeport up` makes for this machine's user to administer with."""
        return self.root / "admin.key"

    @property
    def console_password(self) -> Path:
        """The password of the console's first user, `admin`, until it is changed."""
        return self.root / "console.password"

    @property
    def pepper(self) -> Path:
        return self.root / "pepper.key"

    @property
    def identity(self) -> Path:
        """What tells this state folder from others that use the same database."""
        return self.root / "home.id"

    @property
    def database(self) -> Path:
        return self.root / "homeport.db"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def packages(self) -> Path:
        return self.root / "packages"

    @property
    def derived(self) -> Path:
        """What engines made of packages, by the package's digest."""
        return self.root / "derived"

    @property
    def profiles(self) -> Path:
        """How fast engines are here, as `homeport bench engine` measured."""
        return self.root / "profiles"

    @property
    def hubs(self) -> Path:
        """The hubs whose indexes are trusted, and the newest index seen of each."""
        return self.root / "hubs.json"

    @property
    def files(self) -> Path:
        """What callers uploaded, and what batches gave."""
        return self.root / "files"

    @property
    def captured(self) -> Path:
        """Requests that were kept whole, where the configuration wants that."""
        return self.root / "captured"

    @property
    def inspections(self) -> Path:
        """Reports of `homeport inspect`."""
        return self.root / "inspections"

    @property
    def drift(self) -> Path:
        """A folder for each model that is audited: what it is asked, and what it answered."""
        return self.root / "drift"

    @property
    def router(self) -> Path:
        """Router versions: what was fitted, and which of them decides."""
        return self.root / "router"

    @property
    def taints(self) -> Path:
        """Fingerprints of conversations that were private."""
        return self.root / "taints"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What is only true while `homeport up` runs."""
        return self.root / "run"

    @property
    def adopted(self) -> Path:
        """The configuration file as it was when it was adopted last."""
        return self.run / "homeport.yaml"

    @property
    def engines(self) -> Path:
        return self.run / "engines.json"

    @property
    def control(self) -> Path:
        """Where the running `homeport up` takes orders, and the token for them."""
        return self.run / "control.json"

    @property
    def orders(self) -> Path:
        """What engines were told to do from the console last, and how that ended."""
        return self.run / "orders"

    @property
    def engines_adopted(self) -> Path:
        """Which state of `engines` each process that answers requests goes by."""
        return self.run / "engines.adopted"

    @property
    def engines_used(self) -> Path:
        """The oldest state of `engines` that each of them still has requests by."""
        return self.run / "engines.used"

    @property
    def turns(self) -> Path:
        """When conversations last went on at engines that drain: a file for each, by its time of change."""
        return self.run / "turns"

    @property
    def lock(self) -> Path:
        return self.run / "up.lock"

    @property
    def address(self) -> Path:
        """The URL of the running gateway, as text."""
        return self.run / "url"

    @property
    def metrics(self) -> Path:
        """What each gateway process counts, where there are several."""
        return self.run / "metrics"

    @property
    def limits(self) -> Path:
        """What the gateway processes have counted of each key's rate limits."""
        return self.run / "limits"

    @property
    def sessions(self) -> Path:
        """Which tier answered which conversation, for the gateway processes."""
        return self.run / "sessions"

    @property
    def versions(self) -> Path:
        """Which version of an own engine answered which conversation, for the gateway processes."""
        return self.run / "versions"

    @property
    def thresholds(self) -> Path:
        """Where the thresholds of the policy stand, for the gateway processes."""
        return self.run / "thresholds"

    @property
    def accepts(self) -> Path:
        """The confidences from which a cascade gives answers, for the gateway processes."""
        return self.run / "accepts"

    @property
    def live(self) -> Path:
        """How many requests each gateway process is answering."""
        return self.run / "live"

    @property
    def holders(self) -> Path:
        """A file for each process that leases from budgets, locked while it lives."""
        return self.run / "holders"

    @property
    def reserved(self) -> Path:
        """What each of them has reserved for requests in flight."""
        return self.run / "reserved"

    @property
    def processes(self) -> Path:
        """Process ids by name, as JSON."""
        return self.run / "processes.json"

    @property
    def budgets(self) -> Path:
        """How the budgets stand, as the jobs worker saw last."""
        return self.run / "budgets.json"

    @property
    def traces(self) -> Path:
        """What became of the spans of requests, as the jobs worker says."""
        return self.run / "traces.json"

    @property
    def slo(self) -> Path:
        """How the objectives stand, as the jobs worker counted last."""
        return self.run / "slo.json"

    @property
    def quality(self) -> Path:
        """What outputs scored in the last hour, as the jobs worker counted last."""
        return self.run / "quality.json"

    @property
    def judge(self) -> Path:
        """How the judge of outputs stands, as the jobs worker says."""
        return self.run / "judge.json"

    @property
    def quality_standing(self) -> Path:
        """How good the answers of each route are, by the judge and people."""
        return self.run / "quality-standing.json"

    @property
    def alerts(self) -> Path:
        """How many alerts there were in the last day and whether they arrived, as the jobs worker counted last."""
        return self.run / "alerts.json"

    @property
    def evaluations(self) -> Path:
        """Up to when events of evaluations were sent, for the jobs worker to go on from."""
        return self.root / "evaluations.json"

    @property
    def unusual(self) -> Path:
        """What is unusual in the traffic, as the jobs worker saw last. It stays, for the next one to go on from."""
        return self.root / "unusual.json"
