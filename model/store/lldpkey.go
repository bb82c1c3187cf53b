package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"

	"gorm.io/gorm"
)

// lldpKeySize is in bytes: as many as HMAC-SHA256 gives.
const lldpKeySize = 32

// makeLLDPKey makes the key unless the database has one.
func makeLLDPKey(db *gorm.DB) error {
	key := make([]byte, lldpKeySize)
	_, _ = rand.Read(key) // it never fails
	return db.Exec("UPDATE cloud SET lldp_key = ? WHERE lldp_key = ''", hex.EncodeToString(key)).Error
}

// LLDPKey is the secret of this cloud by which the frames are known that look for links: 32 bytes, made with the database.
func (s *Store) LLDPKey(ctx context.Context) ([]byte, error) {
	var text string
	if err := s.reader.WithContext(ctx).Raw("SELECT lldp_key FROM cloud").Scan(&text).Error; err != nil {
		return nil, s.readError(ctx, err)
	}
	return parseLLDPKey(text)
}

func parseLLDPKey(text string) ([]byte, error) {
	key, err := hex.DecodeString(text)
	if err == nil && len(key) != lldpKeySize {
		err = fmt.Errorf("the key for LLDP has %d bytes and not %d", len(key), lldpKeySize)
	}
	return key, err
}
