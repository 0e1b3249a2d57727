//! The providers, each with the page that says what its variables mean; read 2026-11-21.
//!
//! Those that set the variables of another one come before it.

use super::{Fork, Provider};

/// Every provider, in the order they are looked for; the first that is recognised counts.
pub const PROVIDERS: &[Provider] = &[
    GITEA, FORGEJO, GITHUB, GITLAB, CIRCLECI, BUILDKITE, AZURE, BITBUCKET, CODEBUILD, WOODPECKER, DRONE,
    TEAMCITY, JENKINS,
];

/// What nobody tells.
const NOTHING: Provider = Provider {
    name: "",
    detect: ("", ""),
    repo_host: &[],
    repo_id: &[],
    repo_name: &[],
    workflow: (&[], '@'),
    run_id: &[],
    attempt: &[],
    job: &[],
    trigger: &[],
    actor_id: &[],
    actor: &[],
    commit: &[],
    reference: &[],
    request: &[],
    target: &[],
    fork: Fork::Untold,
    base: &[],
    default_branch: &[],
    is_protected: &[],
};

/// Source: GitHub documentation, "Variables reference".
const GITHUB: Provider = Provider {
    name: "github",
    detect: ("GITHUB_ACTIONS", "true"),
    repo_host: &["GITHUB_SERVER_URL"],
    repo_id: &["GITHUB_REPOSITORY_ID"],
    repo_name: &["GITHUB_REPOSITORY"],
    workflow: (&["GITHUB_WORKFLOW_REF", "GITHUB_WORKFLOW"], '@'),
    run_id: &["GITHUB_RUN_ID"],
    attempt: &["GITHUB_RUN_ATTEMPT"],
    job: &["GITHUB_JOB"],
    trigger: &["GITHUB_EVENT_NAME"],
    actor_id: &["GITHUB_ACTOR_ID"],
    actor: &["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"],
    commit: &["GITHUB_SHA"],
    reference: &["GITHUB_REF"],
    target: &["GITHUB_BASE_REF"],
    is_protected: &["GITHUB_REF_PROTECTED"],
    ..NOTHING
};

/// Source: Gitea documentation, "Gitea Actions"; its runner sets the variables of GitHub, too.
const GITEA: Provider = Provider { name: "gitea", detect: ("GITEA_ACTIONS", "true"), ..GITHUB };

/// Source: Forgejo documentation, "Forgejo Actions"; its runner sets the variables of GitHub, too.
const FORGEJO: Provider = Provider { name: "forgejo", detect: ("FORGEJO_ACTIONS", "true"), ..GITHUB };

/// Source: GitLab documentation, "Predefined CI/CD variables".
const GITLAB: Provider = Provider {
    name: "gitlab",
    detect: ("GITLAB_CI", "true"),
    repo_host: &["CI_SERVER_URL"],
    repo_id: &["CI_PROJECT_ID"],
    repo_name: &["CI_PROJECT_PATH"],
    workflow: (&["CI_JOB_NAME"], '@'),
    // A job that is started again has a new id and no number of its attempt.
    run_id: &["CI_JOB_ID", "CI_PIPELINE_ID"],
    job: &["CI_JOB_NAME"],
    trigger: &["CI_PIPELINE_SOURCE"],
    actor_id: &["GITLAB_USER_ID"],
    actor: &["GITLAB_USER_LOGIN"],
    commit: &["CI_COMMIT_SHA"],
    reference: &["CI_COMMIT_REF_NAME"],
    request: &["CI_MERGE_REQUEST_IID"],
    target: &["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"],
    fork: Fork::Apart("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"),
    base: &["CI_MERGE_REQUEST_DIFF_BASE_SHA"],
    default_branch: &["CI_DEFAULT_BRANCH"],
    is_protected: &["CI_COMMIT_REF_PROTECTED"],
    ..NOTHING
};

/// Source: `CircleCI` documentation, "Project values and variables".
const CIRCLECI: Provider = Provider {
    name: "circleci",
    detect: ("CIRCLECI", "true"),
    repo_host: &["CIRCLE_REPOSITORY_URL"],
    repo_id: &["CIRCLE_PROJECT_ID"],
    repo_name: &["CIRCLE_REPOSITORY_URL", "CIRCLE_PROJECT_REPONAME"],
    run_id: &["CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_WORKFLOW_ID"],
    job: &["CIRCLE_JOB"],
    actor: &["CIRCLE_USERNAME"],
    commit: &["CIRCLE_SHA1"],
    reference: &["CIRCLE_BRANCH", "CIRCLE_TAG"],
    request: &["CIRCLE_PULL_REQUEST", "CIRCLE_PR_NUMBER"],
    fork: Fork::Said("CIRCLE_PR_USERNAME"),
    ..NOTHING
};

/// Source: Buildkite documentation, "Environment variables".
const BUILDKITE: Provider = Provider {
    name: "buildkite",
    detect: ("BUILDKITE", "true"),
    repo_host: &["BUILDKITE_REPO"],
    // It has no id of the repository; a pipeline has one.
    repo_id: &["BUILDKITE_PIPELINE_ID"],
    repo_name: &["BUILDKITE_REPO"],
    workflow: (&["BUILDKITE_PIPELINE_SLUG"], '@'),
    // A job that is tried again has a new id.
    run_id: &["BUILDKITE_JOB_ID", "BUILDKITE_BUILD_ID"],
    job: &["BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"],
    trigger: &["BUILDKITE_SOURCE"],
    actor: &["BUILDKITE_BUILD_CREATOR"],
    commit: &["BUILDKITE_COMMIT"],
    reference: &["BUILDKITE_BRANCH"],
    request: &["BUILDKITE_PULL_REQUEST"],
    target: &["BUILDKITE_PULL_REQUEST_BASE_BRANCH"],
    fork: Fork::Apart("BUILDKITE_PULL_REQUEST_REPO", "BUILDKITE_REPO"),
    default_branch: &["BUILDKITE_PIPELINE_DEFAULT_BRANCH"],
    ..NOTHING
};

/// Source: Azure Pipelines documentation, "Use predefined variables".
const AZURE: Provider = Provider {
    name: "azure-pipelines",
    detect: ("TF_BUILD", "True"),
    repo_host: &["BUILD_REPOSITORY_URI"],
    repo_id: &["BUILD_REPOSITORY_ID"],
    repo_name: &["BUILD_REPOSITORY_NAME"],
    workflow: (&["BUILD_DEFINITIONNAME"], '@'),
    run_id: &["BUILD_BUILDID"],
    attempt: &["SYSTEM_JOBATTEMPT"],
    job: &["SYSTEM_JOBNAME", "AGENT_JOBNAME"],
    trigger: &["BUILD_REASON"],
    actor_id: &["BUILD_REQUESTEDFORID"],
    actor: &["BUILD_REQUESTEDFOR"],
    // The source version of a request is a merge that nobody sees.
    commit: &["SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"],
    reference: &["BUILD_SOURCEBRANCH"],
    request: &["SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID"],
    target: &["SYSTEM_PULLREQUEST_TARGETBRANCH"],
    fork: Fork::Said("SYSTEM_PULLREQUEST_ISFORK"),
    ..NOTHING
};

/// Source: Bitbucket Cloud documentation, "Variables and secrets".
const BITBUCKET: Provider = Provider {
    name: "bitbucket",
    detect: ("BITBUCKET_BUILD_NUMBER", ""),
    repo_host: &["BITBUCKET_GIT_HTTP_ORIGIN"],
    repo_id: &["BITBUCKET_REPO_UUID"],
    repo_name: &["BITBUCKET_REPO_FULL_NAME"],
    run_id: &["BITBUCKET_STEP_UUID", "BITBUCKET_PIPELINE_UUID"],
    actor_id: &["BITBUCKET_STEP_TRIGGERER_UUID"],
    commit: &["BITBUCKET_COMMIT"],
    reference: &["BITBUCKET_BRANCH", "BITBUCKET_TAG"],
    request: &["BITBUCKET_PR_ID"],
    target: &["BITBUCKET_PR_DESTINATION_BRANCH"],
    ..NOTHING
};

/// Source: AWS `CodeBuild` documentation, "Environment variables in build environments".
const CODEBUILD: Provider = Provider {
    name: "codebuild",
    detect: ("CODEBUILD_BUILD_ID", ""),
    repo_host: &["CODEBUILD_SOURCE_REPO_URL"],
    repo_name: &["CODEBUILD_SOURCE_REPO_URL"],
    // A build is called as its project, a colon, and an id.
    workflow: (&["CODEBUILD_BUILD_ID"], ':'),
    run_id: &["CODEBUILD_BUILD_ID"],
    job: &["CODEBUILD_BATCH_BUILD_IDENTIFIER"],
    trigger: &["CODEBUILD_WEBHOOK_EVENT", "CODEBUILD_INITIATOR"],
    actor_id: &["CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID"],
    actor: &["CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID", "CODEBUILD_INITIATOR"],
    commit: &["CODEBUILD_RESOLVED_SOURCE_VERSION"],
    reference: &["CODEBUILD_WEBHOOK_HEAD_REF"],
    request: &["CODEBUILD_WEBHOOK_TRIGGER", "CODEBUILD_SOURCE_VERSION"],
    target: &["CODEBUILD_WEBHOOK_BASE_REF"],
    ..NOTHING
};

/// Source: Woodpecker documentation, "Environment variables".
const WOODPECKER: Provider = Provider {
    name: "woodpecker",
    detect: ("CI", "woodpecker"),
    repo_host: &["CI_FORGE_URL", "CI_REPO_URL"],
    repo_id: &["CI_REPO_REMOTE_ID"],
    repo_name: &["CI_REPO"],
    workflow: (&["CI_WORKFLOW_NAME"], '@'),
    // Numbers begin anew in each repository; addresses do not.
    run_id: &["CI_PIPELINE_URL", "CI_PIPELINE_NUMBER"],
    job: &["CI_STEP_NAME"],
    trigger: &["CI_PIPELINE_EVENT"],
    actor: &["CI_PIPELINE_AUTHOR", "CI_COMMIT_AUTHOR"],
    commit: &["CI_COMMIT_SHA"],
    reference: &["CI_COMMIT_REF"],
    request: &["CI_COMMIT_PULL_REQUEST"],
    target: &["CI_COMMIT_TARGET_BRANCH"],
    default_branch: &["CI_REPO_DEFAULT_BRANCH"],
    ..NOTHING
};

/// Source: Drone documentation, "Environment reference".
const DRONE: Provider = Provider {
    name: "drone",
    detect: ("DRONE", "true"),
    repo_host: &["DRONE_REPO_LINK", "DRONE_GIT_HTTP_URL"],
    repo_name: &["DRONE_REPO"],
    workflow: (&["DRONE_STAGE_NAME"], '@'),
    // Numbers begin anew in each repository; addresses do not.
    run_id: &["DRONE_BUILD_LINK", "DRONE_BUILD_NUMBER"],
    job: &["DRONE_STEP_NAME"],
    trigger: &["DRONE_BUILD_EVENT"],
    actor: &["DRONE_BUILD_TRIGGER", "DRONE_COMMIT_AUTHOR"],
    commit: &["DRONE_COMMIT_SHA"],
    reference: &["DRONE_COMMIT_REF"],
    request: &["DRONE_PULL_REQUEST"],
    target: &["DRONE_TARGET_BRANCH"],
    default_branch: &["DRONE_REPO_BRANCH"],
    ..NOTHING
};

/// Source: `TeamCity` documentation, "List of Predefined Build Parameters"; the rest of them is in a file of properties.
const TEAMCITY: Provider = Provider {
    name: "teamcity",
    detect: ("TEAMCITY_VERSION", ""),
    workflow: (&["TEAMCITY_BUILDCONF_NAME"], '@'),
    run_id: &["BUILD_URL", "BUILD_NUMBER"],
    commit: &["BUILD_VCS_NUMBER"],
    ..NOTHING
};

/// Source: Jenkins documentation, "Using environment variables", and the Git and Branch API plugins.
const JENKINS: Provider = Provider {
    name: "jenkins",
    detect: ("JENKINS_URL", ""),
    repo_host: &["GIT_URL"],
    repo_name: &["GIT_URL"],
    workflow: (&["JOB_NAME"], '@'),
    run_id: &["BUILD_URL", "BUILD_TAG"],
    job: &["STAGE_NAME"],
    actor_id: &["BUILD_USER_ID"],
    actor: &["BUILD_USER_ID", "CHANGE_AUTHOR"],
    commit: &["GIT_COMMIT"],
    reference: &["BRANCH_NAME", "GIT_LOCAL_BRANCH"],
    request: &["CHANGE_ID"],
    target: &["CHANGE_TARGET"],
    fork: Fork::Said("CHANGE_FORK"),
    ..NOTHING
};
