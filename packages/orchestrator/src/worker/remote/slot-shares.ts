interface Share {
  isHere: boolean;
  /** Offered, and not used yet. */
  credits: number;
  running: number;
  wants: boolean;
  /** It was asked for credits back, and has not answered. */
  isReclaiming: boolean;
  /** Turn in which it was last offered something. */
  offeredIn: number;
}

export interface Settlement<Member> {
  readonly offers: readonly (readonly [Member, number])[];
  readonly reclaims: readonly (readonly [Member, number])[];
}

/** Of an even share, what a member keeps free while it does not use it: its next task need not wait for a reclaim. */
const KEPT_PART = 1 / 4;

/**
 * Slots among those who fill them. A credit is the right to fill one; the sum of credits and running tries never exceeds
 * the total. Each member is offered an even share; what one does not use, another that wants more gets.
 */
export class SlotShares<Member> {
  readonly #total: number;
  readonly #shares = new Map<Member, Share>();
  #turn = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** It has no credits yet; what of it runs still counts. */
  join(member: Member): void {
    const running = this.#shares.get(member)?.running ?? 0;
    this.#shares.set(member, { isHere: true, credits: 0, running, wants: false, isReclaiming: false, offeredIn: 0 });
  }

  /** Its credits are void. */
  leave(member: Member): void {
    const share = this.#shares.get(member);
    if (share === undefined) return;
    if (share.running === 0) this.#shares.delete(member);
    else Object.assign(share, { isHere: false, credits: 0, wants: false, isReclaiming: false });
  }

  /** Turns a credit into a running try; false where the member has none. */
  use(member: Member): boolean {
    const share = this.#shares.get(member);
    if (share === undefined || share.credits === 0) return false;
    share.credits -= 1;
    share.running += 1;
    return true;
  }

  /** One of its tries has ended. */
  end(member: Member): void {
    const share = this.#shares.get(member);
    if (share === undefined || share.running === 0) return;
    share.running -= 1;
    if (!share.isHere && share.running === 0) this.#shares.delete(member);
  }

  /** It has more to run than credits. Where it has some, they are on their way to it: it asks again once they are used. */
  want(member: Member): void {
    const share = this.#shares.get(member);
    if (share !== undefined) share.wants = share.isHere && share.credits === 0;
  }

  giveBack(member: Member, count: number): void {
    const share = this.#shares.get(member);
    if (share === undefined) return;
    share.credits -= Math.min(share.credits, Math.max(0, count));
    share.isReclaiming = false;
  }

  /** What to tell the members now; counts as told. `hasRoom` is asked where there is something to offer. */
  settle(hasRoom: () => boolean): Settlement<Member> {
    const here = [...this.#shares].filter(([, share]) => share.isHere);
    const even = Math.ceil(this.#total / Math.max(1, here.length));
    const free = this.#total - [...this.#shares.values()].reduce((sum, share) => sum + held(share), 0);
    const offers = free > 0 && hasRoom() ? this.#offer(here, even, free) : [];
    return { offers, reclaims: this.#reclaim(here, Math.floor(even * KEPT_PART)) };
  }

  #offer(here: readonly [Member, Share][], even: number, free: number): readonly (readonly [Member, number])[] {
    const offers = new Map<Member, number>();
    for (let left = free; left > 0; left -= 1) {
      const next = firstInTurn(here.filter(([, share]) => share.wants || held(share) < even));
      if (next === undefined) break;
      const [member, share] = next;
      share.credits += 1;
      share.offeredIn = ++this.#turn;
      offers.set(member, (offers.get(member) ?? 0) + 1);
    }
    for (const member of offers.keys()) this.#shares.get(member)!.wants = false;
    return [...offers];
  }

  #reclaim(here: readonly [Member, Share][], kept: number): readonly (readonly [Member, number])[] {
    if (!here.some(([, share]) => share.wants)) return [];
    const idle = here.filter(([, share]) => !share.wants && !share.isReclaiming && share.credits > kept);
    return idle.map(([member, share]) => {
      share.isReclaiming = true;
      return [member, share.credits - kept] as const;
    });
  }
}

function held({ credits, running }: Share): number {
  return credits + running;
}

/** Who has the least; among those, who wants more before who does not, then who has waited longest: none is passed over for ever. */
function firstInTurn<Member>(shares: readonly (readonly [Member, Share])[]): readonly [Member, Share] | undefined {
  let first: readonly [Member, Share] | undefined;
  for (const entry of shares) if (first === undefined || compare(entry[1], first[1]) < 0) first = entry;
  return first;
}

function compare(one: Share, other: Share): number {
  return held(one) - held(other) || Number(other.wants) - Number(one.wants) || one.offeredIn - other.offeredIn;
}
