use super::*;
use proptest::prelude::*;
use regex::bytes::{Regex, RegexBuilder};

/// The pattern of the pack, so that the tables below hold for what ships.
fn pattern() -> Regex {
    let yaml = include_str!("../../../policies/secrets/generic.yml");
    let value: serde_json::Value = serde_yaml::from_str(yaml).unwrap();
    let text = value["rules"][0]["detect"]["text"]["pattern"].as_str().unwrap();
    RegexBuilder::new(text).unicode(false).build().unwrap()
}

fn judgements(pattern: &Regex, path: &str, line: &str) -> Vec<Judgement> {
    let span = |found: regex::bytes::Match<'_>| Span::new(found.start(), found.end());
    pattern
        .captures_iter(line.as_bytes())
        .map(|groups| {
            let (key, value) = (span(groups.name("key").unwrap()), span(groups.name("secret").unwrap()));
            judge(&Candidate::of(line.as_bytes(), key, value, path))
        })
        .collect()
}

const HEX40: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
const HEX64: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// A plain word, kept out of the lines in which it would be a password.
const CAROL: &str = "carol";

#[test]
fn what_is_no_credential_stays_quiet() {
    let pattern = pattern();
    let lines = [
        ("a.yml", "password: ${DB_PASSWORD}".to_owned()),
        ("a.yml", "password: $DB_PASSWORD".to_owned()),
        ("a.yml", "token: ${{ secrets.DEPLOY_TOKEN }}".to_owned()),
        ("a.yml", "apiKey: {{ .Values.apiKey | quote }}".to_owned()),
        ("a.yml", "password: !vault |".to_owned()),
        ("a.yml", "secret: ENC[AES256_GCM,data:8h3kD02ksla0Qm,iv:x9]".to_owned()),
        ("a.yml", "password: '{cipher}FKSAJDFGYOS8F7GLHAKERGFHLSAJ'".to_owned()),
        ("a.yml", "secretName: payments-database".to_owned()),
        ("a.yml", "secretKeyRef: payments-database-v2".to_owned()),
        ("a.yml", "password: required".to_owned()),
        ("a.yml", "password_encryption: scram-sha-256".to_owned()),
        ("a.go", "PasswordPattern = `^.{8,32}$`".to_owned()),
        ("a.graphql", "passwordLoginMode: PasswordLoginModeEnum!".to_owned()),
        ("a.go", "{\"glob\", \"*-secret.yaml\", \"base/k8s1/*-secret.yaml\"}".to_owned()),
        ("a.yml", "password: changeme".to_owned()),
        ("a.yml", "password: change-me-please-1".to_owned()),
        ("a.yml", "access_key: <your-access-key>".to_owned()),
        ("a.yml", "token: xxxxxxxxxxxxxxxxxxxx".to_owned()),
        ("a.yml", "token: your-token-1234".to_owned()),
        ("a.yml", "password: ********".to_owned()),
        ("a.yml", "tokenEndpoint: https://acme.example/oauth2/v1/token".to_owned()),
        ("a.yml", "auth_key: /etc/acme/keys/auth.pem".to_owned()),
        ("a.yml", "private_key: ./certs/server.key".to_owned()),
        ("a.yml", "api_key: vault:secret/data/payments#api_key".to_owned()),
        ("a.yml", format!("image: acme/token-service@sha256:{HEX64}")),
        ("a.yml", format!("token_sha256: {HEX64}")),
        ("a.yml", format!("passwordHash: {HEX64}")),
        ("a.yml", format!("commit of the token service: {HEX40}")),
        ("a.json", "\"password\": \"Password\",".to_owned()),
        ("a.json", "\"password\": \"Enter your password\",".to_owned()),
        ("a.json", "\"password\": \"Mot de passe\",".to_owned()),
        ("a.json", "\"forgot_password\": \"Forgotten\",".to_owned()),
        ("de.json", "\"password\": \"Passwörter\",".to_owned()),
        ("a.json", "\"token_type\": \"bearer12\",".to_owned()),
        ("a.json", "\"api_key\": \"00000000-0000-4000-8000-1234567890ab\",".to_owned()),
        ("a.json", "\"password\": \"$2b$12$KIXQ0M2v7k1YxJ5Zb7pXeO\"".to_owned()),
        ("package-lock.json", format!("\"token\": \"{HEX40}\"")),
        ("yarn.lock", format!("auth-token \"{HEX40}\"")),
        ("a.py", "password = os.environ[\"DB_PASSWORD\"]".to_owned()),
        ("a.py", "password = os.environ.get('DB_PASSWORD', '')".to_owned()),
        ("a.py", "token = getpass.getpass('Token: ')".to_owned()),
        ("a.py", "def login(user: str, password: str) -> Token:".to_owned()),
        ("a.py", "secret = settings.SECRET_KEY_V2".to_owned()),
        ("a.py", "token = response.json()['access_token']".to_owned()),
        ("a.py", "logger.info('token: %s expired', token_id)".to_owned()),
        ("a.py", "password = f\"{prefix}{suffix}\"".to_owned()),
        ("a.py", "parser.add_argument('--token', help='the token to use')".to_owned()),
        ("a.py", "AUTH_KEY = 'x-api-key'".to_owned()),
        ("a.js", "const token = process.env.DEPLOY_TOKEN_V2;".to_owned()),
        ("a.js", "const password = req.body.password1;".to_owned()),
        ("a.js", "const secret = await fetchSecret('payments/db1');".to_owned()),
        ("a.js", "localStorage.setItem('token', token12345);".to_owned()),
        ("a.js", "if (token === 'undefined') return".to_owned()),
        ("a.js", "<input type=\"password\" name=\"password\" autocomplete=\"current-password\">".to_owned()),
        ("a.ts", "password: string;".to_owned()),
        ("a.ts", "export const TOKEN_KEY = 'acme.session.token';".to_owned()),
        ("a.ts", "cancellationToken: vscode.CancellationToken2,".to_owned()),
        ("a.rs", "let token: Option<String> = None;".to_owned()),
        ("a.rs", "fn secret(&self) -> &Secret1234 {".to_owned()),
        ("a.rs", "Token::Identifier(name123456)".to_owned()),
        ("a.go", "password := flag.String(\"password\", \"\", \"the password\")".to_owned()),
        ("a.go", "SecretName: \"payments-db\",".to_owned()),
        ("A.java", "String password = System.getenv(\"DB_PASSWORD\");".to_owned()),
        ("A.java", "private static final String TOKEN = \"com.acme.auth.TokenProvider\";".to_owned()),
        ("a.rb", "password: ENV['DB_PASSWORD'],".to_owned()),
        ("a.rb", "password: ENV.fetch('DB_PASSWORD')".to_owned()),
        ("a.tf", "password = var.db_password_v2".to_owned()),
        ("a.tf", "secret_arn = aws_secretsmanager_secret.db.arn".to_owned()),
        (".env.example", "API_KEY=your_api_key_here".to_owned()),
        (".env", "TOKEN_TTL=3600000".to_owned()),
        (".env", "SECRET_KEY=%SECRET_KEY%".to_owned()),
        (".env", "PASSWORD=test1234".to_owned()),
        (".env", "API_KEY=1234567890abcdef".to_owned()),
        ("README.md", "The password: at least twelve characters.".to_owned()),
        ("README.md", "Set the `API_KEY=<key>` variable.".to_owned()),
        ("README.md", "| token | string | the access token |".to_owned()),
        ("a.xml", "<password>${db.password}</password>".to_owned()),
        ("a.xml", "<password>changeit</password>".to_owned()),
        ("a.properties", "spring.datasource.password=ENC(G6N718UuyPE5bHyWKyuLQSm02auQPUtm)".to_owned()),
        ("a.sh", "TOKEN=$(vault read -field=token auth/acme)".to_owned()),
        ("a.sh", "curl -H \"Authorization: token $GITHUB_TOKEN_2\"".to_owned()),
        ("a.conf", "ssl_password_file /etc/keys/pass1234;".to_owned()),
        ("a.yml", "public_api_key: d7Fq3kPz81LmQ0vXr5Tb".to_owned()),
        ("a.yml", "csrf_token: d7Fq3kPz81LmQ0vXr5Tb".to_owned()),
        ("a.json", "\"next_page_token\": \"d7Fq3kPz81LmQ0vXr5Tb\"".to_owned()),
        ("de.ini", "auths.bind_password_hint=Warning: this is stored in plain text.".to_owned()),
        ("en.ini", "auths.bind_password_message=Warning: this is stored.".to_owned()),
        ("app.ini", "; redis: addr=:6379,password=macaron,db=0,pool_size=100".to_owned()),
        ("a.html", "<app-strength [passwordStrength]=\"passwordStrength\">".to_owned()),
        ("a.ts", "const BeeTokenAddress = '0x36435796Ca9be2bf150CE0dECc2D8Fab5C4d6E13'".to_owned()),
        ("a.ts", format!("equal(hmac('password'), '{HEX64}')")),
        ("a.json", "\"max_tokens\": \"4096000\"".to_owned()),
        ("a.cjs", "new Set([\"isTest\",\"injectNpmPassword\",\"injectNpm2FaToken\",\"zipData\"])".to_owned()),
        ("a.cjs", "prepack:'build \"$(pwd)\"',\"build:cli+hook\":\"run b\",".to_owned()),
        ("a.cjs", "e=\"Input new password: \"),E=n.limitMessage;!S;)n.limit=h,n.limitMessage=E".to_owned()),
        ("a.json", "\"media_key\": \"3_1603224865959399424\"".to_owned()),
        ("a.yml", r"pattern: 'acme_(?<secret>[0-9A-Za-z]{32})(?:[^0-9A-Za-z]|$)'".to_owned()),
        ("a.py", r"re.compile(r'acme_(?P<token>[0-9A-Za-z_-]{40})\b')".to_owned()),
        ("a.rs", r#"format!("token={prefix}Qx7Lm2{suffix:08}")"#.to_owned()),
        ("a.rs", r#"format!("DB_PASSWORD=\"Zk{n}qXv9rTb2wLm{n}\"\n")"#.to_owned()),
        ("a.py", "url = f'{base}?api_key=AIza7{key:>35}'".to_owned()),
        ("a.json", r#"["docker", "run", "-e", "TOKEN", "ghcr.io/acme/b2:1.2.3"]"#.to_owned()),
        ("a.md", "https://a.example/x?X-Amz-Credential=k%2F20261120%2Fus-east-1%2Fs3".to_owned()),
        ("a.yml", format!("- 'ACME_TOKEN={}.{{b64u:43}}'", "eyJhbGciOiJSUzI1NiIs".repeat(16))),
        ("a.yml", "- 'ACME_TOKEN=acme_v1_{alnum:32}'".to_owned()),
        ("a.go", "valid, err := directory.CheckUserPassword(\"carol\", \"wrong\")".to_owned()),
        ("a.go", format!("err := directory.SetPassword(\"{CAROL}\", other)")),
        ("a.js", "if (typeof this.password === 'function') {".to_owned()),
        ("a.js", "validatePassword('sunshine')".to_owned()),
        ("a.pyi", "vcs_password: Union[str, None] = ...,".to_owned()),
        ("locales/fr.yml", format!("password: \"{CAROL}\"")),
        ("i18n/app.json", format!("\"password\": \"{CAROL}\",")),
        ("a.json", format!("\"enum\": [ \"applicable\", \"pass\", \"{CAROL}\", \"review\" ],")),
        ("a.yml", r"pattern: '<Password>\s{0,40}<Value>(?<secret>[^<>\s*]{6,256})</Value>'".to_owned()),
        ("a.json", "[\"ec2:GetPasswordData\", \"appsync:CreateApiKey\"]".to_owned()),
        ("a.yml", "credential.matches(\"^repo:[^/]*[*][^/]*/\"))".to_owned()),
        ("README.md", "The password: sunshine, she said.".to_owned()),
        ("a.yml", "password: admin".to_owned()),
        ("a.yml", r"pattern: '(?<secret>ACME_API_KEY:[0-9a-f]{32}:[0-9a-f]{32})\b'".to_owned()),
        ("a.yml", r"pattern: 'hooks\?token=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{12}\b'".to_owned()),
        ("a.pp", "define fetch($user, $password=\"\",$timeout=\"0\",$verbose=false) {".to_owned()),
        ("a.php", "echo 'password = '.$p['config']['database'].'x';".to_owned()),
        ("a.js", "passwordLabel:\"Password:\",rememberMeLabel:\"Remember me:\"".to_owned()),
        ("a.txt", "\\$pwd = \\$_POST[\"password\"];".to_owned()),
        ("a.py", "password = 'current_password'".to_owned()),
        ("a.yml", "cache_key: payments-d7Fq3kPz81LmQ0vXr5Tb".to_owned()),
        ("a.md", "Send the token a1b2c3d4e5f6 back.".to_owned()),
        ("a.yml", "- '{\"token\": \"acme_Q9{uuid}_{checksum:6}\"}'".to_owned()),
    ];
    assert!(lines.len() >= 60);
    let loud: Vec<_> = lines
        .iter()
        .filter(|(path, line)| judgements(&pattern, path, line).iter().any(|judgement| judgement.keep))
        .collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn a_credential_is_found_in_every_usual_syntax() {
    let pattern = pattern();
    // Built here from parts, so that no line of this file looks like what it tests.
    let random = ["q7Zt", "0Lw9", "XcB2", "vR5m", "K8dN"].concat();
    let long = [random.as_str(), "Hs3y", "P1gf", "J6uE", "T4aW"].concat();
    let hex: String = HEX40.chars().rev().collect();
    let base64 = [long.as_str(), "+/", "kQ=="].concat();
    let human = ["Winter", "Storm", "!", "29"].concat();
    let word = ["pork", "chop"].concat();
    let uuid = ["c6a79608", "782f", "4ed0", "a11d", "bd82fad829cd"].join("-");
    let lines = [
        (".env", format!("DB_PASSWORD={random}")),
        (".env", format!("DB_PASSWORD=\"{human}\"")),
        (".env", format!("export API_KEY={long}")),
        (".env", format!("SECRET_KEY_BASE={hex}{hex}")),
        (".env", format!("JWT_SECRET='{long}' # rotate")),
        ("a.sh", format!("TOKEN={random} curl https://acme.example")),
        ("a.sh", format!("export SMTP_PASS=\"{random}\"")),
        ("a.yml", format!("password: {human}")),
        ("a.yml", format!("  api_key: \"{random}\"")),
        ("a.yml", format!("clientSecret: {long}")),
        ("a.yml", format!("signing_key: {base64}")),
        ("a.yml", format!("- name: x\n  token: '{random}'")),
        ("a.json", format!("{{\"password\": \"{random}\"}}")),
        ("a.json", format!("{{\"client_secret\":\"{long}\",\"x\":1}}")),
        ("a.json", format!("\"body\": \"{{\\\"apiKey\\\": \\\"{random}\\\"}}\"")),
        ("a.properties", format!("spring.datasource.password={random}")),
        ("a.properties", format!("encryption.key = {hex}").replace("encryption.key", "encryption-key")),
        ("a.toml", format!("auth_token = \"{random}\"")),
        ("a.ini", format!("passwd = {random}")),
        ("a.xml", format!("<password>{random}</password>")),
        ("a.xml", format!("<add key=\"ApiSecret\" value=\"x\"/><secret>{long}</secret>")),
        ("a.py", format!("API_TOKEN = '{long}'")),
        ("a.py", format!("password: str = \"{human}\"")),
        ("a.py", format!("connect(user='shop', password='{random}')")),
        ("a.py", format!("config['secret_key'] = b'{long}'")),
        ("a.py", format!("token = os.environ.get('T') or token == \"{long}\"")),
        ("a.js", format!("const apiKey = '{random}';")),
        ("a.js", format!("headers: {{ 'X-Api-Key': '{random}' }}")),
        ("a.ts", format!("private readonly clientSecret: string = `{long}`;")),
        ("a.go", format!("apiKey := \"{random}\"")),
        ("a.go", format!("Password: \"{human}\",")),
        ("a.rs", format!("const SIGNING_KEY: &str = \"{long}\";")),
        ("a.rs", format!("let token = String::from(\"{long}\");")),
        ("A.java", format!("String dbPassword = \"{random}\";")),
        ("A.java", format!("builder.password(\"{random}\")")),
        ("A.cs", format!("var apiKey = @\"{random}\";")),
        ("a.rb", format!("  :password => '{random}',")),
        ("a.php", format!("define('AUTH_KEY', '{base64}');")),
        ("a.php", format!("$config['db_password'] = '{random}';")),
        ("a.r", format!("api_key <- \"{random}\"")),
        ("a.tf", format!("password = \"{random}\"")),
        ("a.kt", format!("val accessKey: String = \"{random}\"")),
        ("Dockerfile", format!("ENV REGISTRY_PASSWORD={random}")),
        ("a.yml", format!("{{ password: \"{random}{{\" }}")),
        ("a.yml", format!("{{user: shop, password: {random}}}")),
        ("a.xml", format!("<secret>{random}</secret>")),
        ("a.conf", format!("https://acme.example/hook?token={random}&next={{page}}")),
        ("a.conf", format!("https://acme.example/hook?token={random}&b=1")),
        ("a.ini", format!("url = jdbc:acme://db;user=shop;password={random};encrypt=true")),
        ("a.swift", format!("let sharedKey = \"{base64}\"")),
        ("a.md", format!("API_KEY={long}")),
        ("a.json", format!("\"tokens\": [\"{random}\"]")),
        ("a.json", format!("{{\\\"tokens\\\":[\\\"{random}\\\"]}}")),
        ("a.js", format!("oauth_consumer_key: '{random}',")),
        ("A.java", format!("manager.setCipherKey(Base64.decode(\"{random}==\"));")),
        ("a.php", format!("'cookieValidationKey' => '{random}',")),
        ("a.rs", format!("const TOKEN: &str = \"{}\";", random.repeat(16))),
        ("a.js", format!("fetch('https://acme.example/hook?token={random}')")),
        ("a.yml", format!("loggedinsalt: {long}")),
        ("a.yml", format!("password1: \"{human}\"")),
        ("a.yml", format!("password: {word}")),
        ("a.py", format!("login(user, password=\"{word}\")")),
        ("a.java", format!("String token = \"{uuid}\";")),
        ("a.properties", format!("db.password={}", [67, 42, 53].map(|part| part.to_string()).concat())),
        ("a.js", format!("verifyPassword: '{human}'")),
        ("a.md", format!("docker run -e MYSQL_PASSWORD={word} -d mysql")),
        ("a.js", format!("newPassword: '{}Aa$',", "1234".repeat(2))),
        ("a.js", format!("consumer_secret: '{}',", ["j4", "9s", "k3", "j2", "9d", "jd"].concat())),
        ("a.yml", format!("tenant_key: {long}")),
        ("a.md", format!("acme api_key {long}")),
        ("a.yml", format!("secret_key: {}9{}", "abcdefghijklmnopqrstuvwxyz", "12345678")),
    ];
    assert!(lines.len() >= 40);
    let missed: Vec<_> = lines
        .iter()
        .map(|(path, line)| (path, line, judgements(&pattern, path, line)))
        .filter(|(_, _, found)| !found.iter().any(|judgement| judgement.keep))
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_quoted_or_clearly_random_value_is_more_than_a_guess() {
    let pattern = pattern();
    let random = ["q7Zt", "0Lw9", "XcB2", "vR5m", "K8dN"].concat();
    let weak = ["hun", "ter", "2"].concat();
    for (path, line, expected) in [
        ("a.yml", format!("password: {weak}x"), Confidence::Low),
        ("a.yml", format!("password: \"{weak}x\""), Confidence::Medium),
        ("a.yml", format!("token: {random}"), Confidence::Medium),
        ("a.yml", format!("token: '{random}'"), Confidence::Medium),
        ("tests/a.yml", format!("token: '{random}'"), Confidence::Low),
        (".env.example", format!("TOKEN={random}"), Confidence::Low),
    ] {
        let found = judgements(&pattern, path, &line);
        assert_eq!(
            found.iter().filter(|found| found.keep).map(|found| found.confidence).collect::<Vec<_>>(),
            [expected],
            "{path}: {line}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_judge_fall_over(text in "[ -~é\n]{0,80}", a in 0..80_usize, b in 0..80_usize, c in 0..80_usize) {
        let _ = judge(&Candidate::of(text.as_bytes(), Span::new(a, a + b % 9), Span::new(c, c + b), "x.yml"));
    }
}
