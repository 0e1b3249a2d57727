//! Policies that a cloud keeps for everybody, as far as they matter here.

use super::{Authority, Delegation, Effect, Grant, Scope};

/// Whether the cloud keeps the policy called `name`; those without an entry below are narrow.
pub(super) fn is_kept(name: &str) -> bool {
    name.starts_with(AMAZON)
}

const AMAZON: &str = "aws/managed-policy/";

/// What the policy at the end of `step` grants, on everything; `None` for one that is not known here.
pub(super) fn grants(step: &Delegation) -> Option<Vec<Grant>> {
    let name = step.to.strip_prefix(AMAZON)?;
    let (_, actions, not_actions) = POLICIES.iter().find(|(known, ..)| *known == name)?;
    let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let reads =
        actions.iter().all(|action| ["Get*", "List*", "Describe*"].iter().any(|end| action.ends_with(end)));
    Some(vec![Grant {
        effect: Effect::Allow,
        actions: owned(actions),
        not_actions: owned(not_actions),
        resources: owned(&["*"]),
        not_resources: vec![],
        groups: vec![],
        names: vec![],
        scope: Scope::Cluster,
        namespace: String::new(),
        conditions: vec![],
        authority: if reads { Authority::Inspect } else { Authority::Execute },
        given_by: vec![step.to.clone(), step.through.clone()],
        place: step.place.clone(),
        action_places: actions.iter().map(|_| step.place.clone()).collect(),
        bound_at: Some(step.place.clone()),
    }])
}

type Kept = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Name, actions, and what they leave out.
///
/// Source: AWS, "AWS Managed Policy Reference Guide", read 2026-11-21.
const POLICIES: [Kept; 20] = [
    ("AdministratorAccess", &["*"], &[]),
    ("PowerUserAccess", &["*"], &["iam:*", "organizations:*", "account:*"]),
    ("IAMFullAccess", &["iam:*"], &[]),
    (
        "ReadOnlyAccess",
        &["s3:Get*", "s3:List*", "dynamodb:Get*", "ec2:Describe*", "iam:Get*", "iam:List*"],
        &[],
    ),
    ("SecretsManagerReadWrite", &["secretsmanager:*"], &[]),
    ("AmazonSSMFullAccess", &["ssm:*"], &[]),
    ("AWSLambda_FullAccess", &["lambda:*"], &[]),
    ("AWSLambdaFullAccess", &["lambda:*"], &[]),
    ("AWSCloudFormationFullAccess", &["cloudformation:*"], &[]),
    ("AWSCodeBuildAdminAccess", &["codebuild:*"], &[]),
    ("AmazonECS_FullAccess", &["ecs:*"], &[]),
    ("AWSGlueConsoleFullAccess", &["glue:*"], &[]),
    ("AmazonSageMakerFullAccess", &["sagemaker:*"], &[]),
    ("AmazonEC2FullAccess", &["ec2:*"], &[]),
    ("AmazonS3FullAccess", &["s3:*"], &[]),
    ("AmazonDynamoDBFullAccess", &["dynamodb:*"], &[]),
    ("AmazonRDSFullAccess", &["rds:*"], &[]),
    ("AmazonSQSFullAccess", &["sqs:*"], &[]),
    ("AmazonSNSFullAccess", &["sns:*"], &[]),
    ("AmazonBedrockFullAccess", &["bedrock:*"], &[]),
];
