// Platforms in the JSON form that Go writes and that image documents have.

/** Go's JSON form of a platform, read. */
export function platform(value) {
  return {
    os: value.os ?? '',
    architecture: value.architecture ?? '',
    variant: value.variant || undefined,
    osVersion: value['os.version'] || undefined,
    osFeatures: value['os.features'] ?? [],
  };
}

/** The same form, written. */
export function written({ os, architecture, variant, osVersion, osFeatures }) {
  const features = osFeatures.length > 0 ? osFeatures : undefined;
  return { os, architecture, variant, 'os.version': osVersion, 'os.features': features };
}
