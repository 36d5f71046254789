/** The operator has to change something before the app can start. The message says what, on as few lines as it takes. */
export class ConfigurationError extends Error {
  readonly code = "CONFIGURATION_INVALID";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConfigurationError";
  }
}
