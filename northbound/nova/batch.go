package nova

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/planck-sdn/planck/model/store"
)

const (
	// waitAge is when nobody waits any longer for a port to be plugged or unplugged: Nova does for vif_plugging_timeout, 300 s unless set
	// otherwise.
	waitAge = time.Hour
	// refreshAge is when Nova is not told any longer what to correct: it may be that nobody will ever take the events, as when the
	// endpoint is wrong, and they must not fill the database.
	refreshAge = 24 * time.Hour
)

// Why events are dropped.
const (
	reasonExpired   = "expired"   // too old, see waitAge and refreshAge
	reasonMalformed = "malformed" // the port's device_id is no server's
	reasonUnknown   = "unknown"   // Nova does not know the server
	reasonRefused   = "refused"   // by Nova, for another reason
)

type useless struct {
	store.Event
	reason string
}

// sift parts the events that are worth sending from the others. Nova refuses all of a request in which one server's id is no UUID.
func sift(events []store.Event, now time.Time) (useful []store.Event, others []useless) {
	for _, e := range events {
		age := refreshAge
		if e.Name == store.EventVIFPlugged || e.Name == store.EventVIFUnplugged {
			age = waitAge
		}
		switch {
		case uuid.Validate(e.ServerID) != nil:
			others = append(others, useless{e, reasonMalformed})
		case now.Sub(e.At) > age:
			others = append(others, useless{e, reasonExpired})
		default:
			useful = append(useful, e)
		}
	}
	return useful, others
}

// message is an event as Nova reads it.
type message struct {
	Name       string `json:"name"`
	ServerUUID string `json:"server_uuid"`
	Tag        string `json:"tag"` // the port's id
	Status     string `json:"status"`
	seqs       []int64
}

// statusCompleted is the only status there is: a port that cannot be plugged stays DOWN, and is plugged later maybe.
const statusCompleted = "completed"

// coalesce makes one message of events that say the same. It stands where the last of them stood.
func coalesce(events []store.Event) []message {
	type what struct{ name, server, port string }
	later := map[what]int{}
	var reversed []message
	for _, e := range slices.Backward(events) {
		k := what{e.Name, e.ServerID, e.PortID}
		i, known := later[k]
		if !known {
			i = len(reversed)
			later[k] = i
			reversed = append(reversed, message{Name: e.Name, ServerUUID: e.ServerID, Tag: e.PortID, Status: statusCompleted})
		}
		reversed[i].seqs = append(reversed[i].seqs, e.Seq)
	}
	slices.Reverse(reversed)
	return reversed
}
