package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// Unlimited is the limit of what has none.
const Unlimited = -1

// maxQuota is the largest limit that Neutron accepts.
const maxQuota = math.MaxInt32

// quotaTables says where what counts is. A network's own DHCP port counts like others, but is never refused, as in Neutron.
var quotaTables = map[string]string{"network": "networks", "subnet": "subnets", "port": "ports", "rbac_policy": "rbac_policies",
	"router": "routers", "floatingip": "floating_ips", "security_group": "security_groups", "security_group_rule": "security_group_rules"}

// QuotaResources are the resources that have a quota, sorted.
var QuotaResources = slices.Sorted(maps.Keys(quotaTables))

// standardQuotas are Neutron's defaults.
var standardQuotas = map[string]int{"network": 100, "subnet": 100, "port": 500, "rbac_policy": 10, "router": 10, "floatingip": 50,
	"security_group": 10, "security_group_rule": 100}

// ProjectQuota are the limits of a project that has some of its own.
type ProjectQuota struct {
	ProjectID string
	Limits    map[string]int // of every resource
}

// QuotaUsage is what a project has and may have of one resource.
type QuotaUsage struct {
	Limit    int // Unlimited: as much as it wants
	Used     int
	Reserved int // always 0: what is being made counts when it is there
}

// DefaultQuota gives the limits of projects that have none of their own.
func (s *Store) DefaultQuota() map[string]int { return maps.Clone(s.options.Quotas) }

// Quota gives a project's limits, of every resource. Another project's are PolicyNotAuthorized.
func (s *Store) Quota(ctx context.Context, projectID string) (map[string]int, error) {
	if !scopeOf(ctx).owns(projectID) {
		return nil, forbidden("get_quota")
	}
	limits, err := s.limits(s.reader.WithContext(ctx), projectID)
	return limits, s.readError(ctx, err)
}

func (s *Store) limits(db *gorm.DB, projectID string) (map[string]int, error) {
	var rows []quotaRow
	err := db.Where("project_id = ?", projectID).Find(&rows).Error
	limits := s.DefaultQuota()
	for _, r := range rows {
		limits[r.Resource] = r.MaxCount
	}
	return limits, err
}

type quotaRow struct {
	ProjectID string
	Resource  string
	MaxCount  int
}

func (quotaRow) TableName() string { return "quotas" }

// Quotas gives the limits of the projects that have some of their own, by project. They are for administrators.
func (s *Store) Quotas(ctx context.Context) ([]ProjectQuota, error) {
	if !scopeOf(ctx).Admin {
		return nil, forbidden("get_quota")
	}
	var rows []quotaRow
	if err := s.reader.WithContext(ctx).Order("project_id").Find(&rows).Error; err != nil {
		return nil, s.readError(ctx, err)
	}
	quotas := []ProjectQuota{}
	for _, r := range rows {
		if n := len(quotas); n == 0 || quotas[n-1].ProjectID != r.ProjectID {
			quotas = append(quotas, ProjectQuota{r.ProjectID, s.DefaultQuota()})
		}
		quotas[len(quotas)-1].Limits[r.Resource] = r.MaxCount
	}
	return quotas, nil
}

// SetQuota gives a project limits of its own, and leaves those that are not named as they are. It gives all of them. A
// limit below what the project has is taken: nothing more is made then.
func (s *Store) SetQuota(ctx context.Context, projectID string, limits map[string]int) (map[string]int, error) {
	if !scopeOf(ctx).Admin {
		return nil, forbidden("update_quota")
	}
	if projectID == "" {
		return nil, model.Errorf(http.StatusBadRequest, "QuotaMissingProject", "The request names no project.")
	}
	if err := checkQuotas(limits); err != nil {
		return nil, invalid("%v", err)
	}
	var all map[string]int
	err := s.write(ctx, func(t *tx) (err error) {
		for _, name := range slices.Sorted(maps.Keys(limits)) { // in one order, so that two never wait for each other
			err := t.Exec("INSERT INTO quotas (project_id, resource, max_count) VALUES (?, ?, ?) "+
				"ON CONFLICT (project_id, resource) DO UPDATE SET max_count = excluded.max_count", projectID, name, limits[name]).Error
			if err != nil {
				return err
			}
		}
		all, err = s.limits(t.DB, projectID)
		return err
	})
	return all, err
}

// checkQuotas refuses unknown resources and limits that are none.
func checkQuotas(limits map[string]int) error {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if _, ok := quotaTables[name]; !ok {
			return fmt.Errorf("there is no quota for '%s', only for %v", name, QuotaResources)
		}
		if limit := limits[name]; limit < Unlimited || limit > maxQuota {
			return fmt.Errorf("the quota %d of %s is not within %d to %d", limit, name, Unlimited, maxQuota)
		}
	}
	return nil
}

// ResetQuota makes the defaults hold for a project again. TenantQuotaNotFound says that they did.
func (s *Store) ResetQuota(ctx context.Context, projectID string) error {
	if !scopeOf(ctx).Admin {
		return forbidden("delete_quota")
	}
	return s.write(ctx, func(t *tx) error {
		result := t.Exec("DELETE FROM quotas WHERE project_id = ?", projectID)
		if result.Error == nil && result.RowsAffected == 0 {
			return model.Errorf(http.StatusNotFound, "TenantQuotaNotFound", "Quota for project %s could not be found.", projectID)
		}
		return result.Error
	})
}

// QuotaDetails gives what a project has and may have, of every resource. Another project's are PolicyNotAuthorized.
func (s *Store) QuotaDetails(ctx context.Context, projectID string) (map[string]QuotaUsage, error) {
	if !scopeOf(ctx).owns(projectID) {
		return nil, forbidden("get_quota")
	}
	details := make(map[string]QuotaUsage, len(QuotaResources))
	err := s.read(ctx, func(db *gorm.DB) error {
		limits, err := s.limits(db, projectID)
		if err != nil {
			return err
		}
		for _, name := range QuotaResources {
			var used int64
			if err := db.Table(quotaTables[name]).Where("project_id = ?", projectID).Count(&used).Error; err != nil {
				return err
			}
			details[name] = QuotaUsage{Limit: limits[name], Used: int(used)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return details, nil
}

// nearLimit remembers which quotas, by project and resource, are nearly used up.
type nearLimit struct{ quotas sync.Map }

// errNearLimit makes a transaction that took the shared lock come again with the exclusive one.
var errNearLimit = errors.New("the quota is nearly used up")

const (
	quotaLockClass  = 0x7071 // "pq"
	quotaLock       = "CAST(pg_advisory_xact_lock(?, hashtext(?)) AS text)"
	quotaLockShared = "CAST(pg_advisory_xact_lock_shared(?, hashtext(?)) AS text)"
)

// withinQuota refuses a transaction that has made more of a resource than a project may have: OverQuota. made says how
// many it made for each project. It is called last: nothing waits then for another lock while it holds a quota's.
//
// On PostgreSQL, transactions that make one each hold a shared lock while the limit is out of their reach: what a
// count does not see is one for each other transaction under way, and there are never more of those than connections.
// Nearer to the limit, and when many are made at once, the lock is exclusive, and so the count exact.
func (t *tx) withinQuota(resource string, made map[string]int) error {
	for _, project := range slices.Sorted(maps.Keys(made)) {
		if err := t.withinProjectQuota(resource, project, made[project]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) withinProjectQuota(resource, project string, made int) error {
	key := resource + "/" + project
	near := &t.store.nearLimit.quotas
	_, isNear := near.Load(key)
	quota, err := t.lockQuota(resource, project, key, isNear || made > 1)
	if err != nil || quota.MaxCount == Unlimited {
		return err
	}
	used, err := t.countUsed(resource, project, quota.MaxCount)
	switch {
	case err != nil:
		return err
	case used > quota.MaxCount:
		return conflict("OverQuota", "Quota exceeded for resources: ['%s'].", resource)
	case !quota.Exclusive && used+quota.Unseen > quota.MaxCount:
		near.Store(key, true)
		return errNearLimit
	case isNear && used+2*quota.Unseen <= quota.MaxCount: // twice, so that it does not change with every port
		near.Delete(key)
	}
	return nil
}

// lockedQuota is a limit, and which lock is held. Unseen is how many more there may be at most than a count sees that others are making
// under the same shared lock.
type lockedQuota struct {
	MaxCount  int
	Unseen    int
	Exclusive bool
}

// lockQuota gives a limit and takes the lock, unless it is Unlimited.
func (t *tx) lockQuota(resource, project, key string, exclusive bool) (quota lockedQuota, err error) {
	const limit = "COALESCE((SELECT max_count FROM quotas WHERE project_id = ? AND resource = ?), ?) AS max_count"
	args := []any{project, resource, t.store.options.Quotas[resource]}
	if t.store.dialect.name != postgresName { // one writer
		quota.Exclusive = true
		return quota, t.Raw("SELECT "+limit, args...).Scan(&quota.MaxCount).Error
	}
	err = t.Raw("SELECT max_count, unseen, exclusive, CASE WHEN max_count < 0 THEN '' WHEN exclusive THEN "+quotaLock+" ELSE "+quotaLockShared+" END AS locked "+
		"FROM (SELECT *, ? OR max_count <= unseen AS exclusive FROM (SELECT "+limit+", CAST(current_setting('max_connections') AS bigint) AS unseen) AS quota) AS quota",
		append([]any{quotaLockClass, key, quotaLockClass, key, exclusive}, args...)...).Scan(&quota).Error
	return quota, err
}

// countUsed counts up to one more than limit.
func (t *tx) countUsed(resource, project string, limit int) (used int, err error) {
	err = t.Raw("SELECT COUNT(*) FROM (SELECT 1 FROM "+quotaTables[resource]+" WHERE project_id = ? LIMIT ?) AS counted", project, limit+1).Scan(&used).Error
	return used, err
}
