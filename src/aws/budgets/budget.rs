//! <https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html>

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_budgets::types::{
    Budget as Described, BudgetType, ComparisonOperator, CostTypes as Counted, Notification as Told, NotificationType,
    NotificationWithSubscribers, Spend, Subscriber as Reader, SubscriptionType, ThresholdType, TimeUnit as Unit,
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, Error, Facts, Id, Live, Problems, Resource, Result, Status, Update, Wanted, immutable, kept,
        unique, write_only,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Budget;

/// A budget: how much may be spent or used, and who is told before it is too much. It stops nothing by itself.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other budget of the account has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 100), regex(pattern = r#"[^:\\]+"#))]
    budget_name: Option<String>,
    /// What is counted.
    #[serde(default)]
    budget_type: Type,
    /// From when to when it is counted, again and again.
    #[serde(default)]
    time_unit: TimeUnit,
    /// How much it may be.
    budget_limit: Limit,
    /// Only what fits is counted: by the name of a dimension, `Service`, `Region`, `TagKeyValue`, one of several values.
    cost_filters: Option<BTreeMap<String, Vec<String>>>,
    /// Which kinds of cost are counted. Left out, all of them; when it is removed, they stay as they are.
    #[schemars(transform = kept)]
    cost_types: Option<CostTypes>,
    /// Who is told when.
    #[schemars(transform = write_only, length(max = 10))]
    notifications_with_subscribers: Option<Vec<Notification>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Type {
    /// Money.
    #[default]
    Cost,
    /// Hours, gigabytes, requests.
    Usage,
    /// How much of the reserved instances is used, in per cent.
    RiUtilization,
    /// How much is covered by reserved instances, in per cent.
    RiCoverage,
    /// How much of the savings plans is used, in per cent.
    SavingsPlansUtilization,
    /// How much is covered by savings plans, in per cent.
    SavingsPlansCoverage,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum TimeUnit {
    /// Each day.
    Daily,
    /// Each month.
    #[default]
    Monthly,
    /// Each three months.
    Quarterly,
    /// Each year.
    Annually,
}

/// How much it may be.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Limit {
    /// How much.
    #[schemars(range(min = 0.0))]
    amount: f64,
    /// Of what: a currency, or the unit of what is used.
    #[serde(default = "dollars")]
    #[schemars(length(min = 1))]
    unit: String,
}

/// Which kinds of cost are counted.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct CostTypes {
    /// Taxes.
    #[serde(default = "yes")]
    include_tax: bool,
    /// Subscriptions.
    #[serde(default = "yes")]
    include_subscription: bool,
    /// Other subscriptions.
    #[serde(default = "yes")]
    include_other_subscription: bool,
    /// What is paid in advance.
    #[serde(default = "yes")]
    include_upfront: bool,
    /// What is paid again and again.
    #[serde(default = "yes")]
    include_recurring: bool,
    /// Support.
    #[serde(default = "yes")]
    include_support: bool,
    /// Refunds.
    #[serde(default = "yes")]
    include_refund: bool,
    /// Credits.
    #[serde(default = "yes")]
    include_credit: bool,
    /// Discounts.
    #[serde(default = "yes")]
    include_discount: bool,
    /// Whether the rate is one for a whole organization.
    #[serde(default)]
    use_blended: bool,
    /// Whether what is paid in advance is spread over the time it is for.
    #[serde(default)]
    use_amortized: bool,
}

/// Who is told when.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Notification {
    /// What is compared.
    #[serde(default)]
    notification_type: Compared,
    /// How it is compared.
    #[serde(default)]
    comparison_operator: Operator,
    /// With what.
    #[schemars(range(min = 0.0))]
    threshold: f64,
    /// What the threshold is.
    #[serde(default)]
    threshold_type: Threshold,
    /// Who is told.
    #[schemars(length(min = 1, max = 11))]
    subscribers: Vec<Subscriber>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Compared {
    /// What there was so far.
    #[default]
    Actual,
    /// What there will be by the end.
    Forecasted,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Operator {
    /// It is more.
    #[default]
    GreaterThan,
    /// It is less.
    LessThan,
    /// It is the same.
    EqualTo,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Threshold {
    /// So many per cent of the limit.
    #[default]
    Percentage,
    /// As the limit itself: so much.
    AbsoluteValue,
}

/// Who is told.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Subscriber {
    /// How.
    subscription_type: Subscription,
    /// The mail address, or the ARN of the topic.
    #[schemars(length(min = 1))]
    address: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Subscription {
    /// By mail.
    Email,
    /// Through a topic, whose policy has to let Budgets in.
    Sns,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the budget.
    id: String,
}

impl Resource for Budget {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "budgets.budget";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(2), delete: Duration::from_secs(2) },
        gone: GONE,
        actions: Actions {
            create: &["budgets:ModifyBudget"],
            read: &["budgets:ViewBudget"],
            update: &["budgets:ModifyBudget", "budgets:ViewBudget"],
            delete: &["budgets:ModifyBudget"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.budget_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        let unit = spec.get("budget_limit").and_then(|it| it.get("unit")).and_then(Value::as_text);
        if spec.get("budget_type").and_then(Value::as_text).is_some_and(|it| it != "COST" && it != "USAGE")
            && unit.is_none_or(|it| it != "PERCENTAGE")
            && !spec.get("budget_limit").is_some_and(Value::has_unknown)
        {
            let path = Path::of("budget_limit").key("unit");
            problems.error(path, "utilization and coverage are in per cent", "write `unit: PERCENTAGE`");
        }
        let list = spec.get("notifications_with_subscribers").and_then(Value::as_list).unwrap_or_default();
        let what =
            |it: &Value| ["notification_type", "comparison_operator", "threshold", "threshold_type"].map(|name| it.get(name).cloned());
        for (n, notification) in list.iter().enumerate() {
            let path = Path::of("notifications_with_subscribers").item(n);
            if list[..n].iter().any(|it| what(it) == what(notification)) {
                problems.error(path.clone(), "the same notification twice", "write all who are told as `subscribers` of one");
            }
            let subscribers = notification.get("subscribers").and_then(Value::as_list).unwrap_or_default();
            for (n, subscriber) in subscribers.iter().enumerate() {
                let (how, address) = (subscriber.get("subscription_type"), subscriber.get("address").and_then(Value::as_text));
                let (Some(how), Some(address)) = (how.and_then(Value::as_text), address) else { continue };
                if (how == "SNS") != address.starts_with("arn:") || (how == "EMAIL") != address.contains('@') {
                    let help = "a mail address for `EMAIL`, the ARN of a topic for `SNS`";
                    problems.error(path.key("subscribers").item(n).key("address"), format!("not an address for {how}"), help);
                }
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let account = account(world).await?;
        // By itself, or all at once.
        let found: HashMap<String, Described> = match ids {
            [id] => described(world, &account, id).await?.into_iter().map(|it| (it.budget_name.clone(), it)).collect(),
            _ => {
                let all = all!(world.budgets().describe_budgets().account_id(&account).max_results(100))?;
                all.into_iter().map(|it| (it.budget_name.clone(), it)).collect()
            }
        };
        Ok(ids.iter().map(|id| found.get(id.as_str()).map(live)).collect())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let name = spec.budget_name.clone().unwrap_or_default();
        let notifications = spec.notifications_with_subscribers.iter().flatten().map(|it| {
            let with = NotificationWithSubscribers::builder().notification(told("CreateBudget", it)?);
            with.set_subscribers(Some(readers("CreateBudget", it)?)).build().map_err(|it| bug("CreateBudget", &it))
        });
        let notifications = notifications.collect::<Result<Vec<_>>>()?;
        let call = world.budgets().create_budget().account_id(account(world).await?).budget(budget("CreateBudget", &name, spec, None)?);
        call.set_notifications_with_subscribers((!notifications.is_empty()).then_some(notifications)).send().await.map_err(error)?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, to, .. } = update;
        if update.changed.is_empty() {
            return Ok(());
        }
        let account = account(world).await?;
        if update.changed.iter().any(|it| it != "notifications_with_subscribers") {
            // What is not said here, such as the time it is for, would be lost otherwise.
            let Some(before) = described(world, &account, id).await? else {
                return Err(Error::rejected("UpdateBudget", GONE[0], "the budget is not there"));
            };
            let new = budget("UpdateBudget", id.as_str(), to, Some(before))?;
            world.budgets().update_budget().account_id(&account).new_budget(new).send().await.map_err(error)?;
        }
        if update.changes("notifications_with_subscribers") {
            notify(world, &account, id, to.notifications_with_subscribers.as_deref().unwrap_or_default()).await?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let call = world.budgets().delete_budget().account_id(account(world).await?).budget_name(delete.id.as_str());
        unless(call.send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["NotFoundException"];

fn yes() -> bool {
    true
}

fn dollars() -> String {
    "USD".to_owned()
}

/// Every call of this service wants it.
async fn account(world: &Aws) -> Result<String> {
    Ok(world.caller().await?.account)
}

async fn described(world: &Aws, account: &str, id: &Id) -> Result<Option<Described>> {
    let call = world.budgets().describe_budget().account_id(account).budget_name(id.as_str());
    Ok(unless(call.send().await.map_err(error), GONE)?.and_then(|it| it.budget))
}

fn bug(action: &'static str, why: &impl std::fmt::Display) -> Error {
    Error::bug(action, why.to_string())
}

/// The budget as it is sent, with all that this type does not know as it was before.
#[expect(deprecated, reason = "what replaces the filters and kinds of cost is not taken by budgets that have them")]
fn budget(action: &'static str, name: &str, spec: &Spec, before: Option<Described>) -> Result<Described> {
    let limit = Spend::builder().amount(spec.budget_limit.amount.to_string()).unit(&spec.budget_limit.unit).build();
    let cost_types = spec.cost_types.as_ref().map(|it| {
        Counted::builder()
            .include_tax(it.include_tax)
            .include_subscription(it.include_subscription)
            .include_other_subscription(it.include_other_subscription)
            .include_upfront(it.include_upfront)
            .include_recurring(it.include_recurring)
            .include_support(it.include_support)
            .include_refund(it.include_refund)
            .include_credit(it.include_credit)
            .include_discount(it.include_discount)
            .use_blended(it.use_blended)
            .use_amortized(it.use_amortized)
            .build()
    });
    let filters = spec.cost_filters.clone().filter(|it| !it.is_empty());
    let budget = Described::builder()
        .budget_name(name)
        .budget_type(BudgetType::from(word(&spec.budget_type).as_str()))
        .time_unit(Unit::from(word(&spec.time_unit).as_str()))
        .budget_limit(limit.map_err(|it| bug(action, &it))?)
        .set_cost_filters(filters.map(|it| it.into_iter().collect()))
        .set_cost_types(cost_types)
        .set_time_period(before.as_ref().and_then(|it| it.time_period.clone()))
        .set_billing_view_arn(before.and_then(|it| it.billing_view_arn));
    budget.build().map_err(|it| bug(action, &it))
}

fn told(action: &'static str, it: &Notification) -> Result<Told> {
    Told::builder()
        .notification_type(NotificationType::from(word(&it.notification_type).as_str()))
        .comparison_operator(ComparisonOperator::from(word(&it.comparison_operator).as_str()))
        .threshold(it.threshold)
        .threshold_type(ThresholdType::from(word(&it.threshold_type).as_str()))
        .build()
        .map_err(|it| bug(action, &it))
}

fn readers(action: &'static str, of: &Notification) -> Result<Vec<Reader>> {
    let reader = |it: &Subscriber| {
        let how = SubscriptionType::from(word(&it.subscription_type).as_str());
        Reader::builder().subscription_type(how).address(&it.address).build().map_err(|it| bug(action, &it))
    };
    of.subscribers.iter().map(reader).collect()
}

/// Makes these the notifications of a budget, and no others. Each is made anew: who is told is not known without asking for each.
async fn notify(world: &Aws, account: &str, id: &Id, wanted: &[Notification]) -> Result<()> {
    let (budgets, name) = (world.budgets(), id.as_str());
    let call = budgets.describe_notifications_for_budget().account_id(account).budget_name(name);
    let there = all!(call)?;
    for notification in there {
        // How it stands at the moment is told, and not taken back.
        let notification = Told::builder()
            .notification_type(notification.notification_type)
            .comparison_operator(notification.comparison_operator)
            .threshold(notification.threshold)
            .set_threshold_type(notification.threshold_type)
            .build()
            .map_err(|it| bug("DeleteNotification", &it))?;
        let call = budgets.delete_notification().account_id(account).budget_name(name).notification(notification);
        unless(call.send().await.map_err(error), GONE)?;
    }
    for notification in wanted {
        let call =
            budgets.create_notification().account_id(account).budget_name(name).notification(told("CreateNotification", notification)?);
        call.set_subscribers(Some(readers("CreateNotification", notification)?)).send().await.map_err(error)?;
    }
    Ok(())
}

#[expect(deprecated, reason = "see above")]
fn live(it: &Described) -> Live<Budget> {
    let limit = it.budget_limit.as_ref().map(|it| Limit { amount: it.amount.parse().unwrap_or_default(), unit: it.unit.clone() });
    let cost_types = it.cost_types.as_ref().map(|it| CostTypes {
        include_tax: it.include_tax.unwrap_or(true),
        include_subscription: it.include_subscription.unwrap_or(true),
        include_other_subscription: it.include_other_subscription.unwrap_or(true),
        include_upfront: it.include_upfront.unwrap_or(true),
        include_recurring: it.include_recurring.unwrap_or(true),
        include_support: it.include_support.unwrap_or(true),
        include_refund: it.include_refund.unwrap_or(true),
        include_credit: it.include_credit.unwrap_or(true),
        include_discount: it.include_discount.unwrap_or(true),
        use_blended: it.use_blended.unwrap_or_default(),
        use_amortized: it.use_amortized.unwrap_or_default(),
    });
    let spec = Spec {
        budget_name: Some(it.budget_name.clone()),
        budget_type: meaning(it.budget_type.as_str()).unwrap_or_default(),
        time_unit: meaning(it.time_unit.as_str()).unwrap_or_default(),
        budget_limit: limit.unwrap_or(Limit { amount: 0.0, unit: dollars() }),
        cost_filters: it.cost_filters.clone().filter(|it| !it.is_empty()).map(|it| it.into_iter().collect()),
        cost_types,
        notifications_with_subscribers: None,
    };
    let outputs = Outputs { id: it.budget_name.clone() };
    Live { spec, outputs, status: Status::Ready, unread: vec!["notifications_with_subscribers"] }
}

#[cfg(test)]
mod tests;
