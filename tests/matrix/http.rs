//! Just enough HTTP to stand between a client of AWS and an emulator, and to say what is called.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// How a service puts its answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Protocol {
    Ec2,
    Query,
    Json,
    /// A method and a path, answered in JSON.
    RestJson,
    /// A method and a path, answered in XML as Route 53 does.
    RestXml,
    S3,
}

pub(super) struct Request {
    /// As it came, without the line and the headers that speak of the connection.
    head: Vec<String>,
    body: Vec<u8>,
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub name: String,
    pub mutating: bool,
    pub(super) protocol: Protocol,
}

/// What begins so only reads.
const READING: [&str; 8] = ["Describe", "Get", "List", "Search", "Lookup", "BatchGet", "CheckCapacity", "AssumeRole"];

impl Call {
    fn named(name: &str, protocol: Protocol) -> Self {
        // What is not known to read may change something.
        Self { name: name.to_owned(), mutating: !READING.iter().any(|it| name.starts_with(it)), protocol }
    }
}

impl Request {
    /// None where the connection ends before it says anything.
    pub(super) fn read(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let mut read = vec![];
        let mut buffer = [0; 16 * 1024];
        let end = loop {
            if let Some(at) = read.windows(4).position(|it| it == b"\r\n\r\n") {
                break at;
            }
            match stream.read(&mut buffer)? {
                0 => return Ok(None),
                n => read.extend_from_slice(&buffer[..n]),
            }
        };
        let mut body = read.split_off(end + 4);
        let head: Vec<String> = String::from_utf8_lossy(&read[..end]).split("\r\n").map(str::to_owned).collect();
        let mut request = Self { head, body: vec![] };
        let length = request.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        while body.len() < length {
            match stream.read(&mut buffer)? {
                0 => return Ok(None),
                n => body.extend_from_slice(&buffer[..n]),
            }
        }
        request.body = body;
        Ok(Some(request))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().skip(1).filter_map(|it| it.split_once(':')).find(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1.trim())
    }

    pub(super) fn call(&self) -> Call {
        if let Some(target) = self.header("x-amz-target") {
            return Call::named(target.rsplit('.').next().unwrap_or_default(), Protocol::Json);
        }
        let body = String::from_utf8_lossy(&self.body);
        let field = |name: &str| body.split('&').find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        if let (Some(action), Some(version)) = (field("Action"), field("Version")) {
            // Every service of the query protocol says its version; EC2 is the one that answers errors differently.
            return Call::named(action, if version == "2016-11-15" { Protocol::Ec2 } else { Protocol::Query });
        }
        let mut words = self.head[0].split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let service = self.service();
        let protocol = match service {
            "s3" => Protocol::S3,
            "route53" => Protocol::RestXml,
            _ => Protocol::RestJson,
        };
        Call { name: format!("{service} {method} {path}"), mutating: !["GET", "HEAD"].contains(&method), protocol }
    }

    /// For whom it is signed: `Credential=<key>/<day>/<region>/<service>/aws4_request`.
    fn service(&self) -> &str {
        let scope = self.header("authorization").and_then(|it| it.split_once("Credential=")).map_or("", |it| it.1);
        scope.split(',').next().and_then(|it| it.split('/').nth(3)).unwrap_or_default()
    }

    /// Has it done by the emulator: its whole answer.
    pub(super) fn forward(&self, port: u16) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        // In this version an answer ends with the connection, and comes in one piece.
        let line = self.head[0].replace("HTTP/1.1", "HTTP/1.0");
        let kept = self.head.iter().skip(1).filter(|it| !it.to_ascii_lowercase().starts_with("connection:"));
        let head: String = [&line].into_iter().chain(kept).map(|it| format!("{it}\r\n")).collect();
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        stream.write_all(&self.body)?;
        let mut answer = vec![];
        stream.read_to_end(&mut answer)?;
        Ok(closing(&answer))
    }
}

/// The same answer, which says that nothing else comes on this connection.
fn closing(answer: &[u8]) -> Vec<u8> {
    let Some(end) = answer.windows(4).position(|it| it == b"\r\n\r\n") else { return answer.to_vec() };
    let head = String::from_utf8_lossy(&answer[..end]);
    let kept: Vec<_> = head.split("\r\n").filter(|it| !it.to_ascii_lowercase().starts_with("connection:")).collect();
    [format!("{}\r\nConnection: close", kept.join("\r\n")).as_bytes(), &answer[end..]].concat()
}

/// "Too many requests", as this service says it.
pub(super) fn throttled(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::Ec2 => failure(503, "", &ec2("RequestLimitExceeded", "Request limit exceeded.")),
        Protocol::Query | Protocol::RestXml => failure(400, "", &query("Throttling", "Rate exceeded")),
        Protocol::Json => failure(400, "", r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#),
        Protocol::RestJson => failure(429, "x-amzn-errortype: TooManyRequestsException\r\n", r#"{"message":"Rate exceeded"}"#),
        Protocol::S3 => failure(503, "", &s3("SlowDown", "Please reduce your request rate.")),
    }
}

/// "Something went wrong here", as this service says it.
pub(super) fn broken(protocol: Protocol) -> Vec<u8> {
    match protocol {
        Protocol::Ec2 => failure(500, "", &ec2("InternalError", "An internal error has occurred")),
        Protocol::Query | Protocol::RestXml => failure(500, "", &query("ServiceFailure", "Service failure")),
        Protocol::Json => failure(500, "", r#"{"__type":"InternalServerError","message":"Internal server error"}"#),
        Protocol::RestJson => failure(500, "x-amzn-errortype: ServiceException\r\n", r#"{"message":"Internal server error"}"#),
        Protocol::S3 => failure(500, "", &s3("InternalError", "We encountered an internal error. Please try again.")),
    }
}

fn s3(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>0</RequestId></Error>"
    )
}

fn ec2(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>0</RequestID></Response>"
    )
}

fn query(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>0</RequestId></ErrorResponse>"
    )
}

fn failure(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Injected\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

/// Ends a connection as a crashed peer does, not as one that has said everything.
pub(super) fn reset(stream: TcpStream) {
    // Where that fails it is closed in order, which tells the client as little.
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}

#[test]
fn a_call_is_known_by_its_action_or_target_or_path() {
    let check = |head: &[&str], body: &str, name: &str, mutating: bool, protocol: Protocol| {
        let head = head.iter().map(ToString::to_string).collect();
        let call = Request { head, body: body.as_bytes().to_vec() }.call();
        assert_eq!((call.name.as_str(), call.mutating, call.protocol), (name, mutating, protocol));
    };
    let post = "POST / HTTP/1.1";
    check(&[post], "Action=CreateVpc&Version=2016-11-15", "CreateVpc", true, Protocol::Ec2);
    check(&[post], "Action=DescribeVpcs&Version=2016-11-15", "DescribeVpcs", false, Protocol::Ec2);
    check(&[post], "Action=CreateRole&Version=2010-05-08", "CreateRole", true, Protocol::Query);
    check(&[post, "X-Amz-Target: Logs_20140328.PutRetentionPolicy"], "{}", "PutRetentionPolicy", true, Protocol::Json);
    check(&[post, "x-amz-target: AmazonEC2ContainerRegistry_V20150921.BatchGetImage"], "{}", "BatchGetImage", false, Protocol::Json);
    let signed = |service: &str| {
        format!("authorization: AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/{service}/aws4_request, SignedHeaders=host")
    };
    let check = |line: &str, service: &str, name: &str, mutating: bool, protocol: Protocol| {
        check(&[&format!("{line} HTTP/1.1"), &signed(service)], "", name, mutating, protocol);
    };
    check("GET /2015-03-31/functions/f", "lambda", "lambda GET /2015-03-31/functions/f", false, Protocol::RestJson);
    check("POST /2015-03-31/functions", "lambda", "lambda POST /2015-03-31/functions", true, Protocol::RestJson);
    check("PATCH /v2/apis/a", "apigateway", "apigateway PATCH /v2/apis/a", true, Protocol::RestJson);
    check("HEAD /bucket", "s3", "s3 HEAD /bucket", false, Protocol::S3);
    check("PUT /bucket?tagging", "s3", "s3 PUT /bucket?tagging", true, Protocol::S3);
    check("DELETE /bucket/key", "s3", "s3 DELETE /bucket/key", true, Protocol::S3);
    check("POST /2013-04-01/hostedzone", "route53", "route53 POST /2013-04-01/hostedzone", true, Protocol::RestXml);
}
