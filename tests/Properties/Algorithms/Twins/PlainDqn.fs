/// Plain deep Q-learning: one step and one transition at a time.
namespace Rl.Tests.Algorithms.Twins

open Rl.Core.Algorithms

/// Plain deep Q-learning (Mnih et al. 2015, algorithm 1).
[<RequireQualifiedAccess>]
module PlainDqn =

    /// Q_d(s, ·) of each component of an action.
    let private values (c: DqnOptions) counts (network: PlainNetwork) theta observation : Scalar[] list =
        let outputs = (PlainNetwork.policy network theta observation [||]).Outputs

        if c.Values.Dueling then
            PlainValues.split counts outputs[1..]
            |> List.map (fun advantages ->
                advantages |> Array.map (fun advantage -> outputs[0] + advantage - Scalar.mean advantages))
        else
            PlainValues.split counts outputs

    /// struct (τ ln π, Σ π (q − τ ln π)) of π = softmax(q/τ).
    let private soft temperature (q: Scalar[]) =
        let largest = q |> Array.map Scalar.value |> Array.max
        let total = q |> Array.sumBy (fun value -> exp ((value.Value - largest) / temperature))
        let logs = q |> Array.map (fun value -> value.Value - largest - temperature * log total)
        let soft = Array.map2 (fun (value: Scalar) log -> exp (log / temperature) * (value.Value - log)) q logs
        struct (logs, Array.sum soft)

    /// What a transition should be worth: nothing where that cannot be known. Of several components it is the mean
    /// (Tavakoli et al. 2018, equation 5).
    let private target (c: DqnOptions) counts network (online: Scalar[]) frozen see (steps: PlainTransition list) =
        let discount = c.Values.OffPolicy.Discount
        let first, last = List.head steps, List.last steps
        let earned = PlainValues.earned discount steps
        let values = values c counts network

        if last.Terminated then
            if c.Target.IsMunchausen then
                let struct (logs, _) = soft c.MunchausenTemperature (values frozen (see first.State)).Head
                let bonus = max c.MunchausenFloor (min 0.0 logs[int first.Action[0]])
                Some(earned + c.MunchausenScale * bonus)
            else
                Some earned
        elif PlainValues.isUnknown last then
            None
        else
            let next = values frozen (see last.Next)
            let ahead = discount ** float steps.Length

            let best choosers =
                List.zip3 next choosers (PlainValues.split counts last.NextMask)
                |> List.averageBy (fun (q, chooser, mask) -> q[PlainValues.best mask chooser].Value)

            match c.Target with
            | ValueTarget.Maximum -> Some(earned + ahead * best next)
            | ValueTarget.Double -> Some(earned + ahead * best (values online (see last.Next)))
            | ValueTarget.Munchausen ->
                let struct (logs, _) = soft c.MunchausenTemperature (values frozen (see first.State)).Head
                let struct (_, value) = soft c.MunchausenTemperature next.Head
                let bonus = max c.MunchausenFloor (min 0.0 logs[int first.Action[0]])
                Some(earned + c.MunchausenScale * bonus + ahead * value)

    /// A round of plain deep Q-learning from drawn transitions or those in their place, and what it remembers.
    let transitionWith amend (c: DqnOptions) (view: TwinView) : Expected * PlainMemory =
        let counts = PlainValues.components view.Environment.ActionSpace
        let values = values c counts view.Network

        let chosen theta seen (action: float[]) =
            values theta seen |> List.mapi (fun d q -> q[int action[d]]) |> List.toArray

        let cost theta seen _ action (wanted: float[]) =
            let errors = chosen theta seen action |> Array.map (fun q -> wanted[0] - q)

            let one (error: Scalar) =
                match c.Loss with
                | ValueError.Squared -> Scalar.square error
                | ValueError.Huber when abs error.Value <= 1.0 -> 0.5 * Scalar.square error
                | ValueError.Huber -> (if error.Value > 0.0 then error else -error) - 0.5

            struct (Array.map one errors |> Scalar.mean, errors |> Array.sumBy (fun error -> abs error.Value))

        PlainValues.transitionWith
            amend
            {
                Values = c.Values
                ActionValues = fun theta seen -> values theta seen |> Array.concat
                Levels = []
                Estimate = fun theta seen _ action -> Scalar.mean (chosen theta seen action)
                Target =
                    fun online frozen see _ steps ->
                        target c counts view.Network online frozen see steps |> Option.map Array.singleton
                Cost = cost
                Proposal = None
            }
            view

    /// A round of plain deep Q-learning, and what it remembers.
    let transition (c: DqnOptions) (view: TwinView) : Expected * PlainMemory =
        transitionWith (fun _ _ drawn key -> drawn, key) c view
