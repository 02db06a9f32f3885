//! Something that answers like AWS, and always the same: for refusals that no emulator has.

use std::{
    io::Write as _,
    net::{Shutdown, TcpListener},
    thread,
};

use super::http::Request;

/// What is answered to a call.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Who calls.
    Caller,
    /// An error of STS, by its code.
    Refused(&'static str),
    /// An error of EC2, by its code.
    Ec2Refused(&'static str),
}

/// Its URL; it ends with the process of the tests. The first answer is for `GetCallerIdentity`, the other for all else.
pub(crate) fn stub(caller: Answer, others: Answer) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let Ok(Some(request)) = Request::read(&mut client) else { continue };
            let answer = if request.call().name == "GetCallerIdentity" { caller } else { others };
            let (status, body) = answer.text();
            let _ = write!(client, "HTTP/1.1 {status} Said\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = client.shutdown(Shutdown::Write);
        }
    });
    url
}

impl Answer {
    fn text(self) -> (u16, String) {
        match self {
            Self::Caller => (
                200,
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                 <Arn>arn:aws:iam::123456789012:user/somebody</Arn><UserId>somebody</UserId><Account>123456789012</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>"
                    .to_owned(),
            ),
            Self::Refused(code) => (
                403,
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code>\
                     <Message>It says why</Message></Error></ErrorResponse>"
                ),
            ),
            Self::Ec2Refused(code) => {
                (403, format!("<Response><Errors><Error><Code>{code}</Code><Message>It says why</Message></Error></Errors></Response>"))
            }
        }
    }
}
