/// Whether sharing a piece of work out to other threads has paid of late: where they do not come to run, it does not.
namespace Rl.Core.Foundations

open System.Diagnostics

/// The account of one piece of work that is done again and again. What other threads did counts for it, by the shortest
/// time that an item took here; what was waited for them counts against it. Where the balance is overdrawn the work is
/// better done alone: for ten times as long as was waited and no less than 2 ms at first; twice as long each further
/// time, half as long after each 4 ms that were gained, and never more than a second. Times are ticks of `Stopwatch`.
[<Sealed>]
type internal Sharing() =
    let shortest = Stopwatch.Frequency / 500L
    let longest = Stopwatch.Frequency
    // What gains are kept for: the odd pause of another thread on a machine that has little else to do.
    let most = float (Stopwatch.Frequency / 250L)
    let mutable shortestItem = infinity
    let mutable balance = 0.0
    let mutable pause = shortest
    let mutable until = System.Int64.MinValue

    /// Whether the next run is to be shared out.
    member _.Pays(now: int64) : bool = now >= until

    /// Takes a shared run into account that ended at `now`: `mine` items in `spent` ticks, then `waited` ticks for the
    /// `others`.
    member _.Note(now: int64, mine: int, spent: int64, others: int, waited: int64) : unit =
        // An item may come to take longer: the shortest time is forgotten by a hundredth a run.
        if mine > 0 then
            shortestItem <- min (float spent / float mine) (1.01 * shortestItem)

        let gain = if others = 0 then 0.0 else float others * shortestItem
        balance <- balance + gain - float waited

        if balance < 0.0 then
            balance <- 0.0
            until <- now + min longest (max pause (10L * waited))
            pause <- min longest (2L * pause)
        elif balance >= most then
            // A gain halves the pause once; what is kept is a reserve.
            if pause > shortest then balance <- 0.5 * most
            pause <- max shortest (pause / 2L)
            balance <- min most balance
