/// Decides which nodes a program computes, and which element-wise nodes it computes together in one pass.
namespace Rl.Core.Autodiff

open System.Collections.Generic

/// When a node may run. A program is a head, then stages one after the other, each of lanes that run side by side and a
/// tail that waits for them, and last a tail of its own.
[<RequireQualifiedAccess>]
module internal Phase =
    /// Before every lane.
    [<Literal>]
    let Head = -1

    /// After everything.
    [<Literal>]
    let Tail = System.Int32.MaxValue

    /// A stage's phases: its lanes, then as the last its tail.
    [<Literal>]
    let private Stride = 65536

    let private stageOf phase = if phase = Head then -1 else phase / Stride

    let private tailOf stage = stage * Stride + Stride - 1

    /// Whether it is a lane, not a head or tail.
    let isLane phase = phase <> Head && phase <> Tail && phase % Stride <> Stride - 1

    /// Whether two phases belong to one stage.
    let sameStage a b = stageOf a = stageOf b

    /// Whether steps of the two phases may run at the same time.
    let concurrent a b = a <> b && isLane a && isLane b && sameStage a b

    /// When what needs both may run.
    let private join a b =
        if stageOf a < stageOf b then b
        elif stageOf b < stageOf a || a = b then a
        else tailOf (stageOf a)

    /// A lane opened on a value: of the first stage where the value is there before all lanes, the lane that the value
    /// is in, or a lane of the next stage.
    let private openLane index phase =
        if phase = Head then index
        elif isLane phase && phase % Stride = index then phase
        else (stageOf phase + 1) * Stride + index

    /// The phase of each node of `order` (arguments first).
    let assign (order: Expr[]) =
        let phases = Graph.table<int>()

        for node in order do
            let mutable phase = Head

            for argument in node.Arguments do
                phase <- join phase phases[argument]

            phases[node] <-
                match node.Operation with
                | Lane index -> openLane index phase
                | _ -> phase

        phases

/// A unit of work: element-wise nodes of one shape that run together, or any other single node.
[<Sealed>]
type internal Group(phase: int) =
    /// Its nodes, arguments first once the grouping is finished.
    member val Nodes = List<Expr>() with get
    member _.Phase = phase

[<RequireQualifiedAccess>]
module internal Fusion =

    let isElementwise (node: Expr) =
        match node.Operation with
        | Unary _
        | Binary _
        | Ternary _
        | Quaternary _ -> true
        | _ -> false

    /// Nodes that only say how another node's buffer is read.
    let isView (node: Expr) =
        match node.Operation with
        | Reshape
        | Broadcast
        | Transpose _
        | Slice _
        | Lane _
        | Identity
        | StopGradient -> true
        | _ -> false

    let private isLeaf (node: Expr) =
        match node.Operation with
        | Input _
        | Constant _ -> true
        | _ -> false

    /// The nodes that use each node's value, seen through views, without repetition.
    let private consumers (order: Expr[]) =
        let users = Graph.table<HashSet<Expr>>()

        for node in order do
            users[node] <- HashSet<Expr>(HashIdentity.Reference)

        for node in order do
            if not (isView node) then
                let rec mark (argument: Expr) =
                    users[argument].Add node |> ignore
                    if isView argument then mark argument.Arguments[0]

                node.Arguments |> Array.iter mark

        users

    /// Partitions the nodes that need work into groups. An element-wise node joins the group of its users when all its
    /// users that read it in step (not through a view) are there, and no path leads out of that group and back.
    let partition (roots: Expr[]) (order: Expr[]) =
        let phases = Phase.assign order
        let users = consumers order
        let groups = Graph.table<Group>()
        let position = Graph.table<int>()
        order |> Array.iteri (fun i node -> position[node] <- i)

        // Is there a way from `start` down to a node of `goal`, through groups as wholes? A group entered at one node
        // may be left at another that stands earlier in the order, so positions do not bound the search.
        let reaches (start: Group) (goal: Group) =
            let seen = HashSet<Group>(HashIdentity.Reference)
            let stack = Stack<Group>()
            stack.Push start
            let mutable found = false

            while not found && stack.Count > 0 do
                let group = stack.Pop()

                if obj.ReferenceEquals(group, goal) then
                    found <- true
                elif seen.Add group then
                    for node in group.Nodes do
                        for user in users[node] do
                            if not (seen.Contains groups[user]) then stack.Push groups[user]

            found

        for index in order.Length - 1 .. -1 .. 0 do
            let node = order[index]

            if not (isView node || isLeaf node) then
                let phase = phases[node]

                let candidates =
                    if isElementwise node then
                        users[node]
                        |> Seq.filter (fun user ->
                            isElementwise user
                            && user.Shape = node.Shape
                            && phases[user] = phase
                            && Array.exists (fun argument -> obj.ReferenceEquals(argument, node)) user.Arguments)
                        |> Seq.map (fun user -> groups[user])
                        |> Seq.distinct
                        |> Seq.toArray
                    else
                        [||]

                // Within the group every reading must be direct: a view of the node could ask for elements not made
                // yet.
                let acceptable (group: Group) =
                    let outside = users[node] |> Seq.filter (fun user -> not (obj.ReferenceEquals(groups[user], group)))

                    let readDirectly =
                        users[node]
                        |> Seq.filter (fun user -> obj.ReferenceEquals(groups[user], group))
                        |> Seq.forall (fun user ->
                            user.Arguments
                            |> Array.forall (fun argument ->
                                let rec readsThroughView (x: Expr) =
                                    isView x
                                    && (obj.ReferenceEquals(x.Arguments[0], node) || readsThroughView x.Arguments[0])

                                not (readsThroughView argument)))

                    readDirectly && outside |> Seq.forall (fun user -> not (reaches groups[user] group))

                let group =
                    match candidates |> Array.tryFind acceptable with
                    | Some group -> group
                    | None -> Group phase

                group.Nodes.Add node
                groups[node] <- group

        // Groups in an order in which each comes after those it needs: head, lanes, tail; within a phase depth first.
        let ordered = List<Group>()
        let state = Dictionary<Group, bool>(HashIdentity.Reference)

        let rec visit (group: Group) =
            if not (state.ContainsKey group) then
                state[group] <- true
                group.Nodes.Sort(fun a b -> compare position[a] position[b])

                for node in group.Nodes do
                    let rec need (argument: Expr) =
                        if isView argument then need argument.Arguments[0]
                        elif not (isLeaf argument) then visit groups[argument]

                    node.Arguments |> Array.iter need

                ordered.Add group

        for root in roots do
            let rec start (node: Expr) =
                if isView node then start node.Arguments[0]
                elif not (isLeaf node) then visit groups[node]

            start root

        let inPhase = ordered |> Seq.sortBy (fun group -> group.Phase) |> Seq.toArray // Seq.sortBy is stable
        struct (inPhase, users)
