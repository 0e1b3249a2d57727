//! Scripts of CI jobs, as far as a line tells what it does. No shell is imitated: what is not recognised counts as nothing.

use crate::text::span::Span;

/// Commands that run code of the work tree: builds, tests, installs with their hooks.
const BUILDING: [&str; 45] = [
    "skaffold",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "bun",
    "bunx",
    "node",
    "deno",
    "pip",
    "pip3",
    "python",
    "python3",
    "uv",
    "uvx",
    "poetry",
    "tox",
    "nox",
    "pytest",
    "hatch",
    "make",
    "cmake",
    "ninja",
    "meson",
    "cargo",
    "go",
    "mvn",
    "gradle",
    "sbt",
    "dotnet",
    "ruby",
    "bundle",
    "rake",
    "composer",
    "php",
    "nix",
    "nix-build",
    "bazel",
    "just",
    "task",
    "mix",
    "swift",
    "pre-commit",
    "tsc",
    "terraform",
];

/// Words that stand before a command and are none.
const LEADING: [&str; 10] = ["sudo", "exec", "time", "then", "do", "else", "if", "while", "!", "env"];

/// What changes something that runs.
const DEPLOYS: [&str; 40] = [
    "terraform apply",
    "terraform destroy",
    "tofu apply",
    "terragrunt apply",
    "pulumi up",
    "kubectl apply",
    "kubectl set image",
    "kubectl rollout",
    "kubectl delete",
    "kubectl replace",
    "helm upgrade",
    "helm install",
    "helmfile apply",
    "helmfile sync",
    "cdk deploy",
    "npx cdk deploy",
    "serverless deploy",
    "npx serverless deploy",
    "sls deploy",
    "sam deploy",
    "aws ecs update-service",
    "aws lambda update-function-code",
    "aws cloudformation deploy",
    "aws s3 sync",
    "gcloud run deploy",
    "gcloud app deploy",
    "gcloud functions deploy",
    "gcloud deploy",
    "az webapp",
    "az containerapp update",
    "flyctl deploy",
    "fly deploy",
    "vercel deploy",
    "netlify deploy",
    "wrangler deploy",
    "npx wrangler deploy",
    "ansible-playbook",
    "firebase deploy",
    "argocd app sync",
    "eb deploy",
];

/// Actions that do so.
pub(super) const DEPLOYING: [&str; 10] = [
    "aws-actions/amazon-ecs-deploy-task-definition",
    "aws-actions/aws-cloudformation-github-deploy",
    "google-github-actions/deploy-cloudrun",
    "google-github-actions/deploy-appengine",
    "google-github-actions/deploy-cloud-functions",
    "azure/webapps-deploy",
    "Azure/webapps-deploy",
    "azure/k8s-deploy",
    "Azure/k8s-deploy",
    "cloudflare/wrangler-action",
];

/// Actions that build what lies in the work tree.
pub(super) const BUILDERS: [&str; 5] = [
    "docker/build-push-action",
    "docker/bake-action",
    "gradle/gradle-build-action",
    "goreleaser/goreleaser-action",
    "pre-commit/action",
];

/// The commands of a script, each from its first word on.
pub(super) fn commands(script: &str) -> impl Iterator<Item = &str> {
    let lines = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines.flat_map(|line| line.split(['|', ';', '&'])).map(|part| {
        let mut rest = part.trim().trim_start_matches(['(', '{']).trim_start();
        while let Some((word, behind)) = rest.split_once(char::is_whitespace) {
            let assigned = word.split_once('=').is_some_and(|(name, _)| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            });
            if !LEADING.contains(&word) && !assigned {
                break;
            }
            rest = behind.trim_start();
        }
        rest
    })
}

/// The first command that runs code of the work tree.
pub(super) fn builds(script: &str) -> Option<&str> {
    commands(script).find_map(|command| {
        let mut words = command.split_whitespace();
        let first = words.next()?;
        let file = first.starts_with("./") || first.rsplit_once('.').is_some_and(|(_, kind)| kind == "sh");
        let shell = ["bash", "sh", "source", "."].contains(&first)
            && words.next().is_some_and(|name| !name.starts_with(['-', '<', '/', '$']));
        let image = first == "docker"
            && words.next().is_some_and(|verb| matches!(verb, "build" | "buildx" | "compose"));
        let asks = command.contains("--version")
            || ["python -c", "python3 -c", "node -e"].iter().any(|start| command.starts_with(start));
        ((BUILDING.contains(&first) && !asks) || image || file || shell).then_some(first)
    })
}

/// The first command that changes something that runs.
pub(super) fn deploys(script: &str) -> Option<&'static str> {
    let dry = |command: &str| command.contains("--dry-run") || command.contains("--help");
    commands(script)
        .filter(|command| !dry(command))
        .find_map(|command| {
            DEPLOYS.iter().find(|known| {
                command
                    .strip_prefix(*known)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\\']))
            })
        })
        .copied()
}

/// Whether a script fetches the change of a pull request.
pub(super) fn fetches_change(script: &str) -> bool {
    commands(script).any(|command| {
        let git = command.starts_with("git ")
            && ["fetch", "checkout", "pull ", "switch", "clone"].iter().any(|verb| command.contains(verb));
        let foreign = ["refs/pull/", " pull/", "pull_request.head.", "github.head_ref", "workflow_run.head_"];
        command.starts_with("gh pr checkout") || (git && foreign.iter().any(|part| command.contains(part)))
    })
}

/// Where a script is downloaded and run in one go: `curl ... | sh`, `bash <(curl ...)`, `sh -c "$(curl ...)"`.
pub(super) fn piped(script: &str) -> Option<Span> {
    let mut start = 0;
    for line in script.split_inclusive('\n') {
        let text = line.trim();
        let at = start + line.find(text).unwrap_or_default();
        start += line.len();
        if !text.starts_with('#') && is_piped(text) {
            return Some(Span::new(at, at + text.len()));
        }
    }
    None
}

fn is_piped(line: &str) -> bool {
    const SHELLS: [&str; 8] = ["sh", "bash", "zsh", "dash", "python", "python3", "perl", "node"];
    let downloads = |text: &str| {
        text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'))
            .any(|word| matches!(word, "curl" | "wget"))
    };
    let mut behind_download = false;
    for part in line.split('|') {
        let mut words =
            part.split_whitespace().skip_while(|word| LEADING.contains(word) || word.starts_with('-'));
        let first = words.next().unwrap_or_default();
        let name = first.rsplit('/').next().unwrap_or_default();
        // `python -c` and `python -m` read what comes in as data.
        let data = words.next().is_some_and(|word| matches!(word, "-c" | "-m" | "-e" | "-ne" | "-pe"));
        if behind_download && SHELLS.contains(&name) && !data {
            return true;
        }
        behind_download = downloads(part) || (behind_download && matches!(name, "tee" | "gunzip" | "base64"));
    }
    ["<(curl", "<(wget", "-c \"$(curl", "-c \"$(wget", "eval \"$(curl", "-c '$(curl"].iter().any(|mark| {
        line.contains(mark)
            && ["bash", "sh ", "eval", "source", ". <"].iter().any(|shell| line.contains(shell))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_script_does_is_read_off_its_commands() {
        for (script, build) in [
            ("npm ci", Some("npm")),
            ("cd app && FOO=1 sudo make all", Some("make")),
            ("git diff | grep x", None),
            ("echo npm install", None),
            ("# npm ci", None),
            ("./gradlew build", Some("./gradlew")),
            ("bash scripts/test.sh", Some("bash")),
            ("gh pr comment 1 --body x", None),
            ("python -c 'print(1)'", None),
        ] {
            assert_eq!(builds(script), build, "{script}");
        }
        for (script, deploy) in [
            ("terraform init\nterraform apply -auto-approve", Some("terraform apply")),
            ("kubectl apply --dry-run=client -f x", None),
            ("echo kubectl apply", None),
            ("helm upgrade \\\n  --install x", Some("helm upgrade")),
            ("terraform plan", None),
        ] {
            assert_eq!(deploys(script), deploy, "{script}");
        }
    }

    #[test]
    fn a_script_that_is_downloaded_and_run_is_found() {
        for (script, found) in [
            ("curl -sSf https://a.example/i.sh | sh", true),
            ("curl https://a.example/i.sh | sudo -E bash -s -- -y", true),
            ("wget -qO- https://a.example/x | /bin/bash", true),
            ("bash <(curl -s https://a.example/x)", true),
            ("sh -c \"$(curl -fsSL https://a.example/x)\"", true),
            ("curl https://a.example/x.json | jq .", false),
            ("curl https://a.example/x | python3 -c 'import json'", false),
            ("curl -o x.tgz https://a.example/x.tgz", false),
            ("# curl x | sh", false),
            ("cat x | sh", false),
            ("echo a\ncurl x | tar xz", false),
        ] {
            assert_eq!(piped(script).is_some(), found, "{script}");
        }
        let text = "a\n  curl x | sh\nb";
        assert_eq!(piped(text).map(|span| span.of(text.as_bytes())), Some(&b"curl x | sh"[..]));
    }

    #[test]
    fn fetching_a_change_is_told_from_fetching() {
        assert!(fetches_change("gh pr checkout 12"));
        assert!(fetches_change("git fetch origin pull/${{ github.event.number }}/head:pr"));
        assert!(fetches_change("git checkout ${{ github.event.pull_request.head.sha }}"));
        assert!(!fetches_change("git fetch origin main"));
        assert!(!fetches_change("git log ${{ github.event.pull_request.head.sha }}"));
    }

    proptest! {
        #[test]
        fn no_script_makes_it_fall_over(script in "[ -~ü\\n]{0,80}") {
            let _ = (builds(&script), deploys(&script), fetches_change(&script));
            if let Some(span) = piped(&script) {
                prop_assert!(span.end <= script.len());
            }
        }
    }
}
