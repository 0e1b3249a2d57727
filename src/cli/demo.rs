//! `demo`: the whole story on a generated repository. Every step is the command a user would type.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tollgate::git::Scratch;
use tollgate::pipeline::Environment;
use tollgate::signing::KeyFile;
use tollgate::text::digits::Encoding;
use tollgate::text::proof::crc32;
use tollgate::text::time::{Length, Timestamp};

use super::context::{Context, write_file};
use super::exit::Exit;
use super::record::{DeployArguments, Writer};
use super::trouble::Trouble;
use super::{check, evidence, except, ledger, rate, record, voucher};

/// How to play it.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Keep the repository and say where it is.
    #[arg(long)]
    keep: bool,
}

const DANA: (&str, &str) = ("Dana", "dana@acme.example");
const RAE: (&str, &str) = ("Rae", "rae@acme.example");

/// Plays the story.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Trouble> {
    let name: String = tollgate::text::ulid::ulid(context.now, context.chance()?).chars().skip(10).collect();
    let root = std::env::temp_dir().join(format!("tollgate-demo-{name}"));
    std::fs::create_dir(&root)
        .map_err(|error| Trouble::new(format!("`{}` cannot be made: {error}", root.display())))?;
    let mut stage = Stage { root: root.clone(), context: context.clone(), step: 0, run: 100 };
    let played = play(&mut stage);
    if arguments.keep {
        context.print(&format!("\nThe repository is kept at {}\n", root.display()))?;
    } else if let Err(error) = std::fs::remove_dir_all(&root) {
        context.note(&format!("note: `{}` could not be removed: {error}", root.display()));
    }
    played
}

fn play(stage: &mut Stage) -> Result<Exit, Trouble> {
    stage.say("A repository with a policy: Rae and Dana may approve, a bot records deploys.")?;
    let keys = Keys::make(stage)?;
    let scratch = Scratch::create(&stage.root)?;
    keys.write_policy(stage)?;
    let base = scratch.commit("start", RAE, stage.now())?.as_str().to_owned();
    scratch.publish()?;
    scratch.branch("agent-rollout")?;

    stage.say(
        "Dana's change: a token, a cluster role, an agent that asks nobody, a session that never ends.",
    )?;
    write_change(stage, true)?;
    let head = scratch.commit("roll out the support agent", DANA, stage.now())?.as_str().to_owned();
    stage.type_out("tollgate check --since main")?;
    expect(stage.merge_check(&base, &head)?, Exit::Shut)?;

    stage.say("Dana revokes the token and takes three of the four out; the role must wait for next week.")?;
    scratch.start_over()?;
    write_change(stage, false)?;
    let head =
        scratch.commit("roll out the support agent, without secrets", DANA, stage.now())?.as_str().to_owned();
    stage.type_out("tollgate check --since main")?;
    expect(stage.merge_check(&base, &head)?, Exit::Shut)?;

    stage.say("She asks for an exception, and signs it herself.")?;
    let exception = ask(stage)?;
    approve(stage, &exception, &keys.dana)?;
    let head = scratch.commit("ask for an exception", DANA, stage.now())?.as_str().to_owned();
    stage.type_out("tollgate check --since main")?;
    expect(stage.merge_check(&base, &head)?, Exit::Shut)?;

    stage.say("Rae, who did not write the change, signs it too: the gate opens, under an exception and not as clean.")?;
    approve(stage, &exception, &keys.rae)?;
    stage.type_out(&format!("tollgate except verify {exception}"))?;
    let verify = except::Command::Verify { ids: vec![exception] };
    expect(except::run(&verify, &stage.context())?, Exit::Open)?;
    let head = scratch.commit("Rae's approval", DANA, stage.now())?.as_str().to_owned();
    stage.type_out("tollgate check --since main")?;
    expect(stage.merge_check(&base, &head)?, Exit::Open)?;

    stage.say("The change is merged, judged once more on its way to production, and deployed.")?;
    scratch.merge_into_main()?;
    scratch.publish()?;
    stage.type_out("tollgate check --stage deploy")?;
    expect(stage.deploy_check(&head)?, Exit::Open)?;
    stage.type_out("tollgate record deploy --id 2026-11 --environment production --key deploy-bot")?;
    deploy(stage, &head, &keys.bot)?;

    stage.say("What the ledger holds, and that nobody changed it.")?;
    stage.type_out("tollgate ledger log")?;
    let which = ledger::Which { ledger: Some(stage.ledger()) };
    let log = ledger::Command::Log { which: which.clone(), last: None, format: ledger::Listing::Text };
    ledger::run(&log, &stage.context())?;
    stage.type_out("tollgate ledger verify")?;
    expect(ledger::run(&ledger::Command::verify(which.clone()), &stage.context())?, Exit::Open)?;

    stage
        .say("A key that no scanning job holds seals it, and all on this one deploy goes to whoever asks.")?;
    stage.type_out("tollgate ledger seal --key seal")?;
    let seal = ledger::Command::seal(which.clone(), keys.seal.clone());
    expect(ledger::run(&seal, &stage.context())?, Exit::Open)?;
    stage.type_out("tollgate evidence 2026-11 --to evidence")?;
    let folder = stage.root.join(".git/evidence");
    let arguments = evidence::Arguments::on(which.clone(), DEPLOY, folder.clone());
    expect(evidence::run(&arguments, &stage.context())?, Exit::Open)?;
    stage.type_out("tollgate evidence verify evidence --seal-key ...")?;
    let key = voucher::seal_key(&keys.seal, which.existing(&stage.context())?.origin())?;
    expect(
        evidence::verify::run(&evidence::verify::Arguments::of(folder, &key), &stage.context())?,
        Exit::Open,
    )?;

    stage.say("And the question all of it is for: which share of the critical risks reached production?")?;
    stage.type_out("tollgate rate")?;
    rate::run(&rate::Arguments::last_month(which), &stage.context())
}

fn expect(got: Exit, wanted: Exit) -> Result<(), Trouble> {
    if got == wanted {
        return Ok(());
    }
    Err(Trouble::new("the story did not go as told: the gate decided otherwise than it should"))
}

/// The deploy of the story.
const DEPLOY: &str = "2026-11";

/// The repository the story plays in, and the clock it goes by.
struct Stage {
    root: PathBuf,
    context: Context,
    step: i64,
    run: u32,
}

impl Stage {
    /// Each step is a minute after the one before; the last is about now.
    fn now(&self) -> Timestamp {
        Timestamp(self.context.now.0 - Length::seconds(60 * (13 - self.step)).0)
    }

    /// A person at a machine in the repository.
    fn context(&self) -> Context {
        let environment = Environment([("USER".to_owned(), "dana".to_owned())].into());
        Context { environment, folder: self.root.clone(), now: self.now(), ..self.context.clone() }
    }

    fn ledger(&self) -> String {
        format!("file:{}", self.root.join(".git/tollgate/ledger").display())
    }

    fn say(&mut self, text: &str) -> Result<(), Trouble> {
        self.step += 1;
        self.context.print(&format!("\n{}. {text}\n", self.step))
    }

    fn type_out(&mut self, command: &str) -> Result<(), Trouble> {
        self.context.print(&format!("\n   $ {command}\n\n"))
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Trouble> {
        write_file(&self.root.join(path), text.as_bytes())
    }

    /// The gate in a pull request, with the environment a GitHub job has.
    fn merge_check(&mut self, base: &str, head: &str) -> Result<Exit, Trouble> {
        let side = |sha: &str| json!({ "sha": sha, "repo": { "id": 77 } });
        let request =
            json!({ "number": 7, "user": { "login": "dana" }, "base": side(base), "head": side(head) });
        self.write(".git/event.json", &json!({ "pull_request": request }).to_string())?;
        let context = self.ci("pull_request", "refs/pull/7/merge", head, "dana");
        let arguments = check::Arguments {
            path: PathBuf::from("."),
            since: Some(base.to_owned()),
            ledger: Some(self.ledger()),
            ..check::Arguments::default()
        };
        check::run(&arguments, &context)
    }

    /// The gate on the road to production.
    fn deploy_check(&mut self, head: &str) -> Result<Exit, Trouble> {
        let context = self.ci("push", "refs/heads/main", head, "deploy-bot");
        let arguments = check::Arguments {
            path: PathBuf::from("."),
            stage: Some(check::StageName::Deploy),
            trust: Some("main".to_owned()),
            ledger: Some(self.ledger()),
            ..check::Arguments::default()
        };
        check::run(&arguments, &context)
    }

    fn ci(&mut self, event: &str, reference: &str, head: &str, actor: &str) -> Context {
        self.run += 1;
        let run = self.run.to_string();
        let event_file = self.root.join(".git/event.json").display().to_string();
        let variables = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/payments"),
            ("GITHUB_REPOSITORY_ID", "77"),
            ("GITHUB_WORKFLOW_REF", "acme/payments/.github/workflows/deploy.yml@refs/heads/main"),
            ("GITHUB_RUN_ID", &run),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_JOB", "gate"),
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_EVENT_PATH", if event == "pull_request" { &event_file } else { "" }),
            ("GITHUB_BASE_REF", "main"),
            ("GITHUB_REF", reference),
            ("GITHUB_SHA", head),
            ("GITHUB_ACTOR", actor),
            ("GITHUB_ACTOR_ID", "1001"),
        ];
        let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Context {
            environment: Environment(environment),
            folder: self.root.clone(),
            now: self.now(),
            ..self.context.clone()
        }
    }
}

/// Throw-away SSH keys, outside the work tree.
struct Keys {
    dana: PathBuf,
    rae: PathBuf,
    bot: PathBuf,
    seal: PathBuf,
}

impl Keys {
    fn make(stage: &Stage) -> Result<Self, Trouble> {
        let make = |name: &str| -> Result<PathBuf, Trouble> {
            let path = stage.root.join(".git/keys").join(name);
            let text = KeyFile::generate(&stage.context.chance()?, name)?;
            write_file(&path, text.as_bytes())?;
            Ok(path)
        };
        let keys =
            Self { dana: make("dana")?, rae: make("rae")?, bot: make("deploy-bot")?, seal: make("seal")? };
        // git takes an existing `.git` as it is and fills it.
        Ok(keys)
    }

    fn write_policy(&self, stage: &Stage) -> Result<(), Trouble> {
        let approver = "exception@tollgate,exception-critical@tollgate";
        let mut signers = String::new();
        for (principal, namespaces, path) in [
            ("dana@acme.example", approver, &self.dana),
            ("rae@acme.example", approver, &self.rae),
            ("deploy-bot@acme.example", voucher::RECORD_NAMESPACE, &self.bot),
        ] {
            let key = voucher::key_file(path)?.key().openssh();
            // Writing to a `String` cannot fail.
            let _ = writeln!(signers, "{principal} namespaces=\"{namespaces}\" {key}");
        }
        stage.write(".tollgate/signers", &signers)?;
        stage.write(
            ".tollgate/signers.toml",
            "[principals.\"deploy-bot@acme.example\"]\nperson = \"deploy-bot\"\nclass = \"bot\"\n",
        )?;
        stage.write(
            ".tollgate/policy.yml",
            "version: 1\norganisation: acme\npipelines:\n  - match: { repo: \"acme/payments\" }\n    name: pay-api\n    product: payments\nrate: { target: 0.10 }\n",
        )?;
        stage.write("README.md", "# Payments\n")
    }
}

/// The change: with everything in it, or with the cluster role alone.
fn write_change(stage: &Stage, all: bool) -> Result<(), Trouble> {
    stage.write("k8s/support-agent.yaml", ROLE)?;
    if all {
        stage.write(
            "deploy/support.env",
            &format!("REGION=eu-west-1\nGITHUB_TOKEN={}\n", token(&stage.context)?),
        )?;
        stage.write(".claude/settings.json", AGENT)?;
        stage.write("config/session.txt", &format!("session: {}\n", endless_token(&stage.context)?))?;
    }
    Ok(())
}

const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: support-agent
rules:
  - apiGroups: [\"*\"]
    resources: [\"*\"]
    verbs: [\"*\"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: support-agent
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: support-agent
subjects:
  - kind: ServiceAccount
    name: support-agent
    namespace: support
";

const AGENT: &str = "{
  \"permissions\": {
    \"defaultMode\": \"bypassPermissions\",
    \"allow\": [\"Bash(*)\"]
  }
}
";

/// A token of the right shape with the right check digits, which nobody ever issued.
fn token(context: &Context) -> Result<String, Trouble> {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let chance: [u8; 30] = context.chance()?;
    let body: Vec<u8> =
        chance.iter().filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len()).copied()).collect();
    let check = Encoding::Base62.write(&crc32(&body), 6).unwrap_or_default();
    Ok(format!("ghp_{}{}", String::from_utf8_lossy(&body), String::from_utf8_lossy(&check)))
}

/// A JSON web token without an end, signed by nobody.
fn endless_token(context: &Context) -> Result<String, Trouble> {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "HS256", "typ": "JWT" }));
    let issued = context.now.0 / 1000;
    let claims = part(json!({ "iss": "https://login.acme.example", "sub": "support-agent", "iat": issued }));
    let signature: [u8; 32] = context.chance()?;
    Ok(format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Asks for an exception for what blocked the last run.
fn ask(stage: &mut Stage) -> Result<String, Trouble> {
    let context = stage.context();
    let site = super::site::Site::find(&stage.root, &context)?;
    let report = check::last_report(&site, &context)?;
    let findings: Vec<String> = report
        .findings
        .iter()
        .filter(|finding| finding.action == "block")
        .map(|finding| finding.fingerprint.to_string())
        .collect();
    let reason = "split into two roles with PAY-88, which ships next week".to_owned();
    stage.type_out(&format!(
        "tollgate except request {} --owner payments --expires 5d --reason '{reason}'",
        findings.join(" ")
    ))?;
    let arguments = except::RequestArguments {
        findings,
        reason: Some(reason),
        code: "accepted_risk".to_owned(),
        owner: "payments".to_owned(),
        expires: Some("5d".to_owned()),
        environments: vec!["production".to_owned()],
        base_branch: Some("main".to_owned()),
        ..except::RequestArguments::default()
    };
    except::request(&arguments, &context)
}

fn approve(stage: &mut Stage, id: &str, key: &Path) -> Result<(), Trouble> {
    let name = key.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    stage.type_out(&format!("tollgate except approve {id} --key {name}"))?;
    let arguments = except::ApproveArguments { id: id.to_owned(), key: Some(key.to_owned()) };
    except::approve(&arguments, &stage.context()).map(|_| ())
}

fn deploy(stage: &mut Stage, head: &str, key: &Path) -> Result<(), Trouble> {
    let which = ledger::Which { ledger: Some(stage.ledger()) };
    let arguments = DeployArguments {
        writer: Writer { which, pipeline: None, key: Some(key.to_owned()) },
        environment: "production".to_owned(),
        id: Some(DEPLOY.to_owned()),
        commit: Some(head.to_owned()),
        ..DeployArguments::default()
    };
    let context = stage.ci("push", "refs/heads/main", head, "deploy-bot");
    record::deploy(&arguments, &context).map(|_| ())
}
