// Package store keeps the model in a database: PostgreSQL in earnest, an embedded SQLite file for one machine. It
// decides what only a database can decide (addresses, MACs, segmentation ids, numbers, mastership), and writes the
// journal that every replica follows.
//
// Requests of tenants and administrators carry a Scope in their context. What the controller calls (nodes, follower,
// status, mastership) takes no notice of it.
//
// Refusals that a client is meant to read are *model.Error with Neutron's type names. A database that is away is
// ErrUnavailable.
package store

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"
	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// Range is an inclusive range of identifiers.
type Range struct{ First, Last uint32 }

// Options are what the store needs besides its URL. Only Source is required.
type Options struct {
	Source      model.Source
	Log         *zap.Logger
	UnderlayMTU int // bytes of IP that the network between the nodes carries; default 1500
	// VNIs are given to networks that ask for none; default 1 to 0x7fffff. What is above them serves as keys of
	// networks without a VNI first, so that the two rarely meet.
	VNIs Range
	// VLANs are given to vlan networks that ask for none, by physical network. Without an entry an id must be asked for.
	VLANs map[string]Range
	// Quotas are the limits of projects that have none of their own, by resource (QuotaResources); Unlimited is allowed.
	// What is not here has Neutron's default.
	Quotas map[string]int
	// Events makes what Nova has to be told of its servers' ports be written down: see TakeEvents.
	Events bool
	// AdmitPort is asked in each transaction that makes or changes a port, with the port and its network as they are going to be. Its error is
	// the answer, and nothing is changed. The transaction may still fail, or be tried again. nil: all are admitted.
	AdmitPort func(ctx context.Context, port *model.Port, network *model.Network) error
}

const (
	defaultUnderlayMTU = 1500
	defaultLastVNI     = 0x7fffff

	journalAge    = 24 * time.Hour
	pruneInterval = time.Hour

	maxAttempts = 8
)

// Store is a database of Planck. It is safe for concurrent use.
type Store struct {
	options Options
	dialect dialect
	db      *gorm.DB // read and write
	reader  *gorm.DB // may be db
	unlock  func() error

	cloudID     string
	incarnation string // of this process, told apart from earlier ones in leases

	hints     hints
	portReads portReads
	nearLimit nearLimit
	waker     waker
	events    chan struct{} // see EventsWritten

	stop    context.CancelFunc
	running sync.WaitGroup
}

// Open connects to the database that url names (sqlite:/path/to/file or postgres://…), brings its schema up to
// date, and refuses one that is newer than this program. An SQLite file can be open in one Store only.
func Open(ctx context.Context, url string, options Options) (*Store, error) {
	if options.Log == nil {
		options.Log = zap.NewNop()
	}
	if options.UnderlayMTU == 0 {
		options.UnderlayMTU = defaultUnderlayMTU
	}
	if options.VNIs == (Range{}) {
		options.VNIs = Range{1, defaultLastVNI}
	}
	if err := options.validate(); err != nil {
		return nil, err
	}
	quotas := maps.Clone(standardQuotas)
	maps.Copy(quotas, options.Quotas)
	options.Quotas = quotas
	s := &Store{options: options, incarnation: options.Source.UUID(), unlock: func() error { return nil }}
	s.waker.signal, s.events = make(chan struct{}, 1), make(chan struct{}, 1)
	if err := s.connect(url, false); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		_ = s.closeDatabases() // the first error tells more
		return nil, err
	}
	background, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.running.Go(func() { s.pruneRegularly(background) })
	if s.dialect.name == postgresName {
		s.startWaker(background, url)
	}
	return s, nil
}

func (o *Options) validate() error {
	if o.UnderlayMTU < model.MinMTU+model.VXLANOverhead {
		return fmt.Errorf("an underlay MTU of %d leaves no room for a network", o.UnderlayMTU)
	}
	if o.VNIs.First < 1 || o.VNIs.Last < o.VNIs.First || o.VNIs.Last > model.MaxVNI {
		return fmt.Errorf("VNI range %d to %d is not within 1 to %d", o.VNIs.First, o.VNIs.Last, model.MaxVNI)
	}
	if err := checkQuotas(o.Quotas); err != nil {
		return err
	}
	for physnet, ids := range o.VLANs {
		if ids.First < 1 || ids.Last < ids.First || ids.Last > model.MaxVLAN {
			return fmt.Errorf("VLAN range %d to %d of %s is not within 1 to %d", ids.First, ids.Last, physnet, model.MaxVLAN)
		}
	}
	return nil
}

// prepare makes or upgrades the schema and reads the mark of the cloud, which the first one makes together with the key for LLDP.
func (s *Store) prepare(ctx context.Context) error {
	if err := migrate(ctx, s.db, s.dialect, s.dialect.migrations); err != nil {
		return err
	}
	db := s.db.WithContext(ctx)
	if err := db.Exec("INSERT INTO cloud (id, uuid) VALUES (1, ?) ON CONFLICT DO NOTHING", s.options.Source.UUID()).Error; err != nil {
		return classify(err)
	}
	if err := makeLLDPKey(db); err != nil {
		return classify(err)
	}
	return classify(db.Raw("SELECT uuid FROM cloud").Scan(&s.cloudID).Error)
}

// Close ends the store's goroutines and connections.
func (s *Store) Close() error {
	s.stop()
	s.running.Wait()
	return s.closeDatabases()
}

// CloudID is the UUID that was made with the database and marks every node of this cloud.
func (s *Store) CloudID() string { return s.cloudID }

// Dialect names the kind of database: postgres or sqlite.
func (s *Store) Dialect() string { return s.dialect.name }

// Ping tells whether the database answers: nil or ErrUnavailable.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return s.readError(ctx, s.reader.WithContext(ctx).Raw("SELECT 1").Scan(&one).Error)
}

func (s *Store) pruneRegularly(ctx context.Context) {
	ticker := time.NewTicker(pruneInterval)
	defer ticker.Stop()
	for {
		if err := s.PruneJournal(ctx, journalAge); err != nil && ctx.Err() == nil {
			s.options.Log.Warn("journal not pruned", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// pause waits before another attempt, a little longer each time and never in step with others.
func pause(ctx context.Context, attempt int) error {
	timer := time.NewTimer(rand.N(time.Duration(attempt*attempt) * 2 * time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
