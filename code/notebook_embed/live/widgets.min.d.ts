/* What widgets.js takes of the bundle; its own types are packages'. */
export const HTMLManager: new () => {
  set_state(state: object): Promise<unknown>;
  get_model(id: string): Promise<unknown>;
  create_view(model: unknown): Promise<{ remove(): void }>;
  display_view(view: unknown, box: HTMLElement): Promise<void>;
  clear_state(): Promise<void>;
};
