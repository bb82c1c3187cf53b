package model

// MaxTagLength is how long a tag may be, in characters.
const MaxTagLength = 255

// validateTags lets commas pass, as Neutron does: such a tag can be had, but no filter finds it.
func validateTags(tags []string) error {
	for _, tag := range tags {
		if err := validateText("tags", tag, MaxTagLength); err != nil {
			return err
		}
	}
	return nil
}
