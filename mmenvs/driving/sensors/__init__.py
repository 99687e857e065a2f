"""What the car perceives, one file per sensor."""
