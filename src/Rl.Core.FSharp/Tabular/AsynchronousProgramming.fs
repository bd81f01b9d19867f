/// Optimal values by backups of one state at a time: Gauss-Seidel sweeps and prioritised sweeping.
namespace Rl.Core.Tabular

open System.Collections.Generic
open Rl.Core.Foundations

/// Planners that use a new value as soon as it is known. Source: Bertsekas, "Distributed dynamic programming" (1982).
[<RequireQualifiedAccess>]
module AsynchronousProgramming =

    let private bestOf (mdp: Mdp) (values: float[]) state =
        let mutable best = Mdp.lookAhead mdp values state 0

        for action in 1 .. mdp.Actions - 1 do
            best <- max best (Mdp.lookAhead mdp values state action)

        best

    /// Value iteration in place: each state's backup reads the values that this sweep has already renewed. Ends when no
    /// value of a sweep changes by more than `tolerance`.
    let gaussSeidel (tolerance: float) (maxSweeps: int) (mdp: Mdp) : Solution =
        Guard.notNegativeNumber (nameof tolerance) tolerance
        Guard.positive (nameof maxSweeps) maxSweeps
        let values = Array.zeroCreate<float> mdp.States
        let mutable sweeps = 0
        let mutable change = infinity

        while change > tolerance do
            if sweeps = maxSweeps then DynamicProgramming.notConverged mdp sweeps change
            change <- 0.0

            for state in 0 .. mdp.States - 1 do
                let value = bestOf mdp values state
                let difference = abs (value - values[state])
                DynamicProgramming.requireFinite sweeps difference
                change <- max change difference
                values[state] <- value

            sweeps <- sweeps + 1

        DynamicProgramming.solution mdp values sweeps

    /// Which states have an outcome that goes on to each state.
    let private predecessors (mdp: Mdp) =
        let into = Array.init mdp.States (fun _ -> SortedSet<int>())

        for state in 0 .. mdp.States - 1 do
            for action in 0 .. mdp.Actions - 1 do
                for outcome in mdp.Outcomes(state, action) do
                    if outcome.Probability > 0.0 && mdp.Continues outcome then
                        into[outcome.Next].Add state |> ignore

        into |> Array.map Seq.toArray

    /// Backs up the state with the largest Bellman error first, until no error exceeds `tolerance`; `Iterations` counts
    /// backups of single states. Fails after `maxBackups`. Source: Moore and Atkeson, "Prioritized sweeping" (1993).
    let prioritisedSweeping (tolerance: float) (maxBackups: int) (mdp: Mdp) : Solution =
        Guard.notNegativeNumber (nameof tolerance) tolerance
        Guard.positive (nameof maxBackups) maxBackups
        let into = predecessors mdp
        let values = Array.zeroCreate<float> mdp.States
        let errorOf state = abs (bestOf mdp values state - values[state])

        // The largest error comes first; an entry whose error has changed since is skipped.
        let queue = PriorityQueue<int, struct (float * int)>()
        let errors = Array.init mdp.States errorOf

        let put state =
            DynamicProgramming.requireFinite 0 errors[state]

            if errors[state] > tolerance then
                queue.Enqueue(state, struct (-errors[state], state))

        for state in 0 .. mdp.States - 1 do
            put state

        let mutable backups = 0
        let mutable state = 0
        let mutable priority = struct (0.0, 0)

        while queue.TryDequeue(&state, &priority) do
            let struct (negated, _) = priority

            if errors[state] > tolerance && -negated = errors[state] then
                if backups = maxBackups then
                    DynamicProgramming.notConvergedIn (nameof maxBackups) "backups" mdp backups errors[state]


                values[state] <- bestOf mdp values state
                backups <- backups + 1

                for other in Seq.append [ state ] into[state] do
                    let error = errorOf other

                    if error <> errors[other] then
                        errors[other] <- error
                        put other

        DynamicProgramming.solution mdp values backups
