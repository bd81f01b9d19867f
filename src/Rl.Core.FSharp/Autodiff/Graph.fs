/// Walks over expressions: each node once, arguments before their users.
namespace Rl.Core.Autodiff

open System.Collections.Generic

[<RequireQualifiedAccess>]
module internal Graph =

    /// A dictionary keyed by the identity of nodes.
    let table<'Value> () = Dictionary<Expr, 'Value>(HashIdentity.Reference)

    /// Every node that the roots need, arguments first. Iterative: depth is bounded by memory only.
    let topological (roots: seq<Expr>) : Expr[] =
        let order = List<Expr>()
        let state = table<bool>() // false: opened, true: placed
        let stack = Stack<Expr>()

        for root in roots do
            stack.Push root

            while stack.Count > 0 do
                let node = stack.Peek()

                match state.TryGetValue node with
                | true, true -> stack.Pop() |> ignore
                | true, false ->
                    stack.Pop() |> ignore
                    state[node] <- true
                    order.Add node
                | _ ->
                    state[node] <- false

                    for i in node.Arguments.Length - 1 .. -1 .. 0 do
                        if not (state.ContainsKey node.Arguments[i]) then stack.Push node.Arguments[i]

        order.ToArray()

    /// Whether x is computed from constants alone.
    let isConstant (x: Expr) : bool =
        let seen = HashSet<Expr>(HashIdentity.Reference)
        let stack = Stack<Expr>()
        stack.Push x
        let mutable constant = true

        while constant && stack.Count > 0 do
            let node = stack.Pop()

            if seen.Add node then
                match node.Operation with
                | Input _ -> constant <- false
                | _ -> node.Arguments |> Array.iter stack.Push

        constant

    /// The nodes of `order` (arguments first) through which a derivative flows to one of `targets`.
    let flowingTo (targets: Expr[]) (order: Expr[]) =
        let flows = HashSet<Expr>(targets, HashIdentity.Reference)

        for node in order do
            match node.Operation with
            | StopGradient
            | ArgMax _ -> ()
            | _ -> if node.Arguments |> Array.exists flows.Contains then flows.Add node |> ignore

        flows

    /// The node with these arguments in place of its own: itself where they are the same.
    let withArguments (arguments: Expr[]) (node: Expr) : Expr =
        if Array.forall2 (fun a b -> obj.ReferenceEquals(a, b)) arguments node.Arguments then
            node
        else
            Expr(node.Operation, arguments, node.Shape)

    /// Replaces nodes by others of the same shape throughout an expression.
    let substitute (replacements: seq<struct (Expr * Expr)>) (roots: Expr[]) =
        let memo = table<Expr>()

        for struct (oldNode, newNode) in replacements do
            memo[oldNode] <- newNode

        for node in topological roots do
            if not (memo.ContainsKey node) then
                memo[node] <- node |> withArguments (node.Arguments |> Array.map (fun argument -> memo[argument]))

        roots |> Array.map (fun root -> memo[root])
