//! Just enough HTTP to stand between the SDK and the emulator, and to refuse a call as its service would.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// How a service puts its errors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Protocol {
    Ec2,
    Query,
    Json,
    RestJson,
    RestXml,
}

#[derive(Clone)]
pub(super) struct Request {
    /// As it came, without the line and the headers that speak of the connection.
    head: String,
    pub(super) body: Vec<u8>,
}

/// A whole answer.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

/// What begins so only reads.
const READING: [&str; 7] = ["Describe", "Get", "List", "Search", "Lookup", "BatchGet", "AssumeRole"];

impl Request {
    /// None where the connection ends before it says everything.
    pub(super) fn read(stream: &mut TcpStream) -> io::Result<Option<Self>> {
        let (mut read, mut buffer) = (vec![], [0; 16 * 1024]);
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
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        let length = header(&head, "content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        while body.len() < length {
            match stream.read(&mut buffer)? {
                0 => return Ok(None),
                n => body.extend_from_slice(&buffer[..n]),
            }
        }
        Ok(Some(Self { head, body }))
    }

    /// The line: method, path and query.
    fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1")
    }

    fn target(&self) -> Option<&str> {
        header(&self.head, "x-amz-target")?.rsplit('.').next()
    }

    fn action(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()?.split('&').find_map(|it| it.strip_prefix("Action="))
    }

    /// The name of the operation; where no protocol says it, the method and path.
    pub(super) fn operation(&self) -> &str {
        self.target().or(self.action()).unwrap_or(self.line())
    }

    /// What is not known to read may change something.
    pub(super) fn mutating(&self) -> bool {
        match self.target().or(self.action()) {
            Some(name) => !READING.iter().any(|it| name.starts_with(it)),
            None => !self.line().starts_with("GET ") && !self.line().starts_with("HEAD "),
        }
    }

    /// The same question has the same.
    pub(super) fn question(&self) -> String {
        format!("{} {} {}", self.line(), self.operation(), String::from_utf8_lossy(&self.body))
    }

    /// The same with one word for another of the same length; none where the word is not in it.
    pub(super) fn with(&self, word: &str, other: &str) -> Option<Self> {
        let (line, rest) = self.head.split_once("\r\n")?;
        let body = String::from_utf8(self.body.clone()).ok()?;
        let there = line.contains(word) || body.contains(word);
        there.then(|| Self { head: format!("{}\r\n{rest}", line.replace(word, other)), body: body.replace(word, other).into_bytes() })
    }

    /// The service that the call is signed for.
    fn service(&self) -> &str {
        let scope = header(&self.head, "authorization").and_then(|it| it.split("Credential=").nth(1)).unwrap_or_default();
        scope.split('/').nth(3).unwrap_or_default()
    }

    fn protocol(&self) -> Protocol {
        match self.service() {
            "ec2" => Protocol::Ec2,
            "s3" | "route53" => Protocol::RestXml,
            "lambda" | "apigateway" => Protocol::RestJson,
            _ if self.target().is_some() => Protocol::Json,
            _ => Protocol::Query,
        }
    }

    /// Has it done by the emulator.
    pub(super) fn forward(&self, port: u16) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        // In this version an answer ends with the connection, and comes in one piece.
        let kept = self.head.split("\r\n").filter(|it| !it.to_ascii_lowercase().starts_with("connection:"));
        let head: String = kept.map(|it| format!("{}\r\n", it.replace(" HTTP/1.1", " HTTP/1.0"))).collect();
        stream.write_all(&[format!("{head}Connection: close\r\n\r\n").as_bytes(), &self.body].concat())?;
        let mut answer = vec![];
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Answer { status, head, body })
    }

    /// "Too many requests", as this service says it.
    pub(super) fn throttled(&self) -> Answer {
        match (self.protocol(), self.service()) {
            (Protocol::Ec2, _) => self.refused(503, "RequestLimitExceeded", "Request limit exceeded."),
            (Protocol::RestXml, "s3") => self.refused(503, "SlowDown", "Please reduce your request rate."),
            (Protocol::Query | Protocol::RestXml, _) => self.refused(400, "Throttling", "Rate exceeded"),
            (Protocol::Json, _) => self.refused(400, "ThrottlingException", "Rate exceeded"),
            (Protocol::RestJson, _) => self.refused(429, "TooManyRequestsException", "Too Many Requests"),
        }
    }

    /// "Something went wrong here", as this service says it.
    pub(super) fn broken(&self) -> Answer {
        match self.protocol() {
            Protocol::Ec2 | Protocol::RestXml => self.refused(500, "InternalError", "An internal error has occurred"),
            Protocol::Query => self.refused(500, "ServiceFailure", "Service failure"),
            Protocol::Json => self.refused(500, "InternalServerError", "Internal server error"),
            Protocol::RestJson => self.refused(502, "BadGatewayException", "Bad gateway"),
        }
    }

    /// A refusal with this code.
    pub(super) fn refused(&self, status: u16, code: &str, message: &str) -> Answer {
        let escaped = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let error = format!("<Code>{code}</Code><Message>{escaped}</Message>");
        // SQS, which spoke the query protocol before, says the code of that in a header.
        let modern = code.rsplit('.').next().unwrap_or(code);
        let mut headers = String::new();
        let body = match (self.protocol(), self.service()) {
            (Protocol::Ec2, _) => format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>0</RequestID></Response>"),
            (Protocol::RestXml, "s3") => format!("<Error>{error}<RequestId>0</RequestId></Error>"),
            (Protocol::Query | Protocol::RestXml, _) => {
                format!("<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>0</RequestId></ErrorResponse>")
            }
            (Protocol::Json, "sqs") => {
                headers = format!("x-amzn-query-error: {code};Sender\r\n");
                serde_json::json!({ "__type": format!("com.amazonaws.sqs#{modern}"), "message": message }).to_string()
            }
            (Protocol::Json, _) => serde_json::json!({ "__type": code, "message": message }).to_string(),
            (Protocol::RestJson, _) => {
                headers = format!("x-amzn-errortype: {code}\r\n");
                serde_json::json!({ "message": message }).to_string()
            }
        };
        let body = if self.line().starts_with("HEAD ") { String::new() } else { body };
        Answer { status, head: format!("HTTP/1.1 {status} Injected\r\n{headers}content-length: {}", body.len()), body: body.into_bytes() }
    }
}

impl Answer {
    pub(super) fn send(&self, stream: &mut TcpStream) -> io::Result<()> {
        let kept = self.head.split("\r\n").filter(|it| !it.to_ascii_lowercase().starts_with("connection:"));
        let head: String = kept.map(|it| format!("{it}\r\n")).collect();
        stream.write_all(&[format!("{head}Connection: close\r\n\r\n").as_bytes(), &self.body].concat())
    }

    /// The same with one word for another of the same length.
    pub(super) fn with(mut self, word: &str, other: &str) -> Self {
        if let Ok(text) = std::str::from_utf8(&self.body) {
            self.body = text.replace(word, other).into_bytes();
        }
        self
    }

    /// Whether it is how something is said not to be there, by one of these codes.
    pub(super) fn says_gone(&self, codes: &[&str]) -> bool {
        let text = format!("{}{}", self.head, String::from_utf8_lossy(&self.body));
        self.status == 404 || codes.iter().any(|it| text.contains(it))
    }
}

/// Ends a connection as a crashed peer does, not as one that has said everything.
pub(super) fn reset(stream: &TcpStream) {
    // Where that fails it is closed in order, which tells the client as little.
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).filter_map(|it| it.split_once(':')).find(|it| it.0.eq_ignore_ascii_case(name)).map(|it| it.1.trim())
}
