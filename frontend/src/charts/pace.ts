/** Runs work at once, and again at most every `every` milliseconds however often it is asked for. */
export class Pace {
  private lastAt = Number.NEGATIVE_INFINITY;
  private timer: number | undefined;

  constructor(
    private readonly work: () => void,
    private readonly every: number,
  ) {}

  ask(): void {
    if (this.timer !== undefined) return;
    const wait = this.lastAt + this.every - performance.now();
    if (wait <= 0) this.run();
    else this.timer = window.setTimeout(() => this.run(), wait);
  }

  stop(): void {
    window.clearTimeout(this.timer);
    this.timer = undefined;
  }

  private run(): void {
    this.stop();
    this.lastAt = performance.now();
    this.work();
  }
}
