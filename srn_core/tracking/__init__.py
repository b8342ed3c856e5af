"""Running an SRN: on pictures, on clips and on videos."""
