//! Events of Open Collective's webhooks. They say little; what the fields hold is read again from the platform.

use crate::declare::{Field, FieldKind, TriggerType};

/// An expense as policies see it.
const EXPENSE: &[Field] = &[
    Field::told("data", "the expense as the platform describes it").of(FieldKind::Dict),
    Field::told("expense_id", "id of the expense"),
    Field::told("type", "INVOICE, RECEIPT and so on"),
    Field::told("amount", "how much, in hundredths of the currency").of(FieldKind::Int),
    Field::told("formatted_amount", "how much, with the sign of the currency"),
    Field::told("currency", "the currency's three letters"),
    Field::told("tags", "its tags").of(FieldKind::List),
    Field::told("url", "its address"),
    Field::told("description", "what it is for"),
    Field::told("expense_user_slug", "who submitted it"),
];

/// What the data of a generic event hold.
const DATA: &[Field] = &[
    Field::told("id", "id of the expense"),
    Field::told("description", "what it is for"),
    Field::told("amount", "how much, in hundredths of the currency").of(FieldKind::Int),
    Field::told("currency", "the currency's three letters"),
    Field::told("status", "how it stands"),
    Field::told("url", "its address"),
    Field::told("createdByAccount", "who submitted it").of(FieldKind::Dict),
];

/// All of them.
pub(super) fn triggers() -> Vec<TriggerType> {
    let own = [
        ("expensecreated", "an expense was submitted"),
        ("expenseapproved", "an expense was approved"),
        ("expenserejected", "an expense was rejected"),
        ("expensedeleted", "an expense was deleted"),
        ("expenseunapproved", "the approval of an expense was taken back"),
        ("expensepaid", "an expense was paid"),
    ];
    let expenses = [
        ("opencollective.expense_created", "an expense was submitted"),
        ("opencollective.expense_updated", "an expense was changed"),
        ("opencollective.expense_deleted", "an expense was deleted"),
        ("opencollective.expense_approved", "an expense was approved"),
        ("opencollective.expense_unapproved", "the approval of an expense was taken back"),
        ("opencollective.expense_rejected", "an expense was rejected"),
        ("opencollective.expense_reApprovalRequested", "an approved expense is to be approved anew"),
        ("opencollective.expense_moved", "an expense was moved to another collective"),
        ("opencollective.expense_scheduledForPayment", "an expense is about to be paid"),
        ("opencollective.expense_unscheduledForPayment", "an expense is not about to be paid any more"),
        ("opencollective.expense_processing", "an expense is being paid"),
        ("opencollective.expense_paid", "an expense was paid"),
        ("opencollective.expense_unpaid", "an expense counts as paid no longer"),
        ("opencollective.expense_error", "paying an expense failed"),
        ("opencollective.expense_putOnHold", "an expense was put on hold"),
        ("opencollective.expense_releasedFromHold", "an expense was released from hold"),
        ("opencollective.expense_incomplete", "an expense lacks something"),
        ("opencollective.expense_spam", "an expense was marked as spam"),
    ];
    let others = [
        ("opencollective.expense_comment_created", "somebody commented on an expense"),
        ("opencollective.conversation_comment_created", "somebody commented in a conversation"),
        ("opencollective.conversation_created", "a conversation was opened"),
        ("opencollective.update_published", "the collective published an update"),
        ("opencollective.member_created", "the collective has a new member"),
        ("opencollective.order_processed", "somebody gave money"),
    ];
    own.map(|(codename, doc)| TriggerType::own(codename, doc, EXPENSE))
        .into_iter()
        .chain(expenses.map(|(name, doc)| TriggerType::event(name, doc, DATA)))
        .chain(others.map(|(name, doc)| TriggerType::event(name, doc, &[])))
        .collect()
}
