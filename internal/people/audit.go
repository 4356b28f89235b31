package people

import "time"

// AuditKind names what somebody did.
type AuditKind string

// The kinds of act. They are stored for long: add, never rename.
const (
	AuditSetup            AuditKind = "account.first"
	AuditSignIn           AuditKind = "sign_in"
	AuditSignInFailed     AuditKind = "sign_in.failed"
	AuditSignOut          AuditKind = "sign_out"
	AuditPassword         AuditKind = "account.password"
	AuditSecondFactor     AuditKind = "account.second_factor"
	AuditSessions         AuditKind = "account.sessions"
	AuditIdentity         AuditKind = "account.identity"
	AuditWorkspaceCreate  AuditKind = "workspace.create"
	AuditWorkspaceRename  AuditKind = "workspace.rename"
	AuditMemberRole       AuditKind = "member.role"
	AuditMemberRemove     AuditKind = "member.remove"
	AuditInviteCreate     AuditKind = "invite.create"
	AuditInviteRevoke     AuditKind = "invite.revoke"
	AuditInviteAccept     AuditKind = "invite.accept"
	AuditConnect          AuditKind = "connection.connect"
	AuditReconnect        AuditKind = "connection.reconnect"
	AuditConnectionCheck  AuditKind = "connection.check"
	AuditDisconnect       AuditKind = "connection.disconnect"
	AuditHookAddress      AuditKind = "connection.hook"
	AuditTurnDown         AuditKind = "connection.turn_down"
	AuditAutomationCreate AuditKind = "automation.create"
	AuditAutomationRename AuditKind = "automation.rename"
	AuditAutomationSave   AuditKind = "automation.save"
	AuditAutomationState  AuditKind = "automation.state"
	AuditAutomationDelete AuditKind = "automation.delete"
	AuditTestSend         AuditKind = "automation.test_send"
	AuditPlanCreate       AuditKind = "plan.create"
	AuditPlanApply        AuditKind = "plan.apply"
	AuditPlanCancel       AuditKind = "plan.cancel"
	AuditPlanPause        AuditKind = "plan.pause"
	AuditPlanResume       AuditKind = "plan.resume"
	AuditUndo             AuditKind = "undo.create"
	AuditReview           AuditKind = "review.decide"
	AuditRetry            AuditKind = "run.retry"
	AuditLook             AuditKind = "record.look"
	AuditPair             AuditKind = "record.pair"
	AuditExport           AuditKind = "export"
	AuditErase            AuditKind = "personal_data.erase"
	AuditReplay           AuditKind = "delivery.replay"
	AuditSettings         AuditKind = "settings"
	AuditSecrets          AuditKind = "secrets.rotate"
	AuditMigrate          AuditKind = "database.migrate"
)

// AuditKinds are all of them, in the order a list shows them.
func AuditKinds() []AuditKind {
	return []AuditKind{
		AuditSetup, AuditSignIn, AuditSignInFailed, AuditSignOut, AuditPassword, AuditSecondFactor, AuditSessions, AuditIdentity, AuditWorkspaceCreate, AuditWorkspaceRename,
		AuditMemberRole, AuditMemberRemove, AuditInviteCreate, AuditInviteRevoke, AuditInviteAccept, AuditConnect, AuditReconnect, AuditConnectionCheck, AuditDisconnect, AuditHookAddress, AuditTurnDown,
		AuditAutomationCreate, AuditAutomationRename, AuditAutomationSave, AuditAutomationState, AuditAutomationDelete, AuditTestSend,
		AuditPlanCreate, AuditPlanApply, AuditPlanCancel, AuditPlanPause, AuditPlanResume, AuditUndo, AuditReview, AuditRetry, AuditLook, AuditPair, AuditReplay, AuditExport, AuditErase, AuditSettings, AuditSecrets, AuditMigrate,
	}
}

// Stranger is who did what nobody's account did. What strangers type is not kept: it may be a password in the wrong field.
const Stranger = "somebody unknown"

// AuditEntry is one act: who did it, when, from where, to what, and what was so before and after. Secrets are never
// part of it.
type AuditEntry struct {
	ID        string // "ad_…", sorting by time
	At        time.Time
	Workspace string // empty: of none, such as signing in
	User      string
	Actor     string // an email, "command line", or Stranger
	Address   string
	Kind      AuditKind
	Subject   string // in words: "Contacts in sync"
	Object    string // its id
	Before    string
	After     string
	Request   string
}

// AuditFilter narrows the log; zero values do not narrow. Before is an entry's id to page from.
type AuditFilter struct {
	Actor       string
	Kind        AuditKind
	Since, Till time.Time
	Before      string
	Limit       int
}
